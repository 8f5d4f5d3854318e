"""Every method that no service of the house has: UNIMPLEMENTED, with its name."""

from __future__ import annotations

import grpc
import grpc.aio


class MissingServices(grpc.GenericRpcHandler):
    """Catches all methods. Stands last in the list of handlers."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """A handler that refuses the method by name."""
        method = handler_call_details.method

        async def refuse(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            del request
            text = f"{method}: not supported over gRPC by this version of hakobune."
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

        return grpc.unary_unary_rpc_method_handler(refuse)
