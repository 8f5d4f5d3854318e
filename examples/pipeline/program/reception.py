"""The service: it answers a request at once with a receipt. Behind each receipt a workflow waits for the report.

POST /receipts, GET /receipts/ID and GET /receipts/ID/events are the SDK's.
"""

from __future__ import annotations

import os

import uvicorn

from hakobune.sdk import Reception, Workflow
from hakobune.sdk.reception_asgi import ReceptionApp

reception = Reception(Workflow("await-report"), os.environ["RECEIPTS"], poll_s=float(os.environ.get("POLL_S", "1")))

if __name__ == "__main__":
    uvicorn.run(
        ReceptionApp(reception),
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ["PORT"]),
        log_level="warning",
        timeout_graceful_shutdown=5,  # a stream may go on for ever: its reader comes again
    )
