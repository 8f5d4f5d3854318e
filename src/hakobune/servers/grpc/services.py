"""The services of the gRPC port whose methods are REST calls of ours, as one handler that leads through the front
door."""

from __future__ import annotations

from functools import partial

import grpc

from hakobune.core.errors import HakobuneError, ResourceExhausted
from hakobune.servers.front import error_response
from hakobune.servers.grpc.callers import Callers
from hakobune.servers.grpc.calls import Calls, Context, refuse, texts_of
from hakobune.servers.grpc.methods import METHODS, Method
from hakobune.servers.grpc.transcoding import message_of, request_of
from hakobune.servers.http.router import Handler
from hakobune.wire.codec import BODY_MAX_BYTES

_OK = 200


class Services(grpc.GenericRpcHandler):
    """Finds the methods that we have. `handle` answers REST calls and never raises."""

    def __init__(self, handle: Handler, callers: Callers, calls: Calls) -> None:
        self._handle = handle
        self._callers = callers
        self._calls = calls

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a method, None if it is none of ours."""
        method = METHODS.get(handler_call_details.method)
        if method is None:
            return None
        return grpc.unary_unary_rpc_method_handler(partial(self._answer, method))

    async def _answer(self, method: Method, content: bytes, context: Context) -> bytes:
        try:
            if len(content) > BODY_MAX_BYTES:  # the port takes larger ones, for messages of Pub/Sub
                raise ResourceExhausted(f"Received message larger than max ({len(content)} vs. {BODY_MAX_BYTES}).")
            request = request_of(method, content, texts_of(context.invocation_metadata()), context.peer())
            request.attempt_uid = await self._callers.attempt_uid(context)
            response = await self._calls.performed(partial(self._handle, request))
            if response.status == _OK:
                return message_of(method, response)
        except HakobuneError as error:
            response = error_response(error)
        return await refuse(response, context)
