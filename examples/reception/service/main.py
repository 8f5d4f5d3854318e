"""A reception: it answers at once with a receipt, while the job `letters` does the work.

POST /receipts, GET /receipts/ID and GET /receipts/ID/events are the SDK's; `/` is a page to try them in a browser.
"""

from __future__ import annotations

import os
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from hakobune.sdk import Job, Reception
from hakobune.sdk.reception_asgi import ReceptionApp, lifespan

PAGE = Path(__file__).with_name("page.html").read_text()

reception = Reception(Job("letters"), os.environ["RECEIPTS"], poll_s=float(os.environ.get("POLL_S", "1")))


async def page(request: Request) -> HTMLResponse:
    """A form, and a bar that shows how far the work is."""
    del request
    return HTMLResponse(PAGE)


app = Starlette(
    routes=[Route("/", page), Mount("/", app=ReceptionApp(reception))],
    lifespan=lambda _: lifespan(reception),  # starts what was in doubt when the last instance was killed
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8080")),
        timeout_graceful_shutdown=5,  # a stream may go on for ever: its reader comes again at the next instance
    )
