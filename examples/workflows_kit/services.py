"""Answers of services, for the cases beside this file."""

from hakobune.testing.workflows import Request, Response


def refuse_everything(request: Request) -> Response:
    """No card is good enough."""
    assert request.headers["Idempotency-Key"]
    return Response(status=402, json={"error": "card refused"})
