"""Every method that no service of the house has: UNIMPLEMENTED, with its name."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import grpc.aio


class MissingServices(grpc.GenericRpcHandler):
    """Catches all methods, streams among them: nothing is read of what they send. Stands last in the list of
    handlers."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """A handler that refuses the method by name."""
        method = handler_call_details.method

        async def refuse(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
            del requests
            text = f"{method}: not supported over gRPC by this version of hakobune."
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

        return grpc.stream_stream_rpc_method_handler(refuse)
