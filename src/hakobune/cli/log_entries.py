"""Reading log entries: filters, pages, and an entry as a line of text."""

from __future__ import annotations

import json
import sys
import time

from hakobune.cli import console
from hakobune.cli.document import Document, as_dict, at, dict_at, is_dict, list_at, text_at
from hakobune.cli.format.transforms_of_quantities import instant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

PAGE = 1000  # the most that entries:list gives at once (Cloud Logging API)
_WORKFLOW = '"workflows.googleapis.com/Workflow"'
_SERVICE = "cloud_run_revision"
_POOL = "cloud_run_worker_pool"
_KINDS = ("cloud_run_job", _SERVICE, _POOL, _WORKFLOW)
ANY_LOG = f"({' OR '.join(f'resource.type = {kind}' for kind in _KINDS)})"
_LOUD = ("ERROR", "CRITICAL", "ALERT", "EMERGENCY")


def entries(
    session: Session, expression: str, *, newest_first: bool, limit: int | None, project: str = ""
) -> Iterator[Document]:
    """The entries that a filter chooses, page by page, of the session's project unless another is named."""
    body: Document = {
        "resourceNames": [f"projects/{project or session.project}"],
        "filter": expression,
        "orderBy": "timestamp desc" if newest_first else "timestamp asc",
    }
    left = limit
    while True:
        body["pageSize"] = PAGE if left is None else min(PAGE, left)
        page = session.call("POST", "/v2/entries:list", body)
        for entry in list_at(page, "entries"):
            yield as_dict(entry)
            if left is not None:
                left -= 1
                if left <= 0:
                    return
        token = text_at(page, "nextPageToken")
        if not token:
            return
        body["pageToken"] = token


def job_filter(region: str, *, job: str = "", execution: str = "") -> list[str]:
    """The terms that choose the entries of a job or of an execution, as gcloud writes them (spec/run.md 6.4)."""
    terms = ["resource.type = cloud_run_job"]
    if job:
        terms.append(f"resource.labels.job_name = {quoted(job)}")
    if execution:
        terms.append(f'labels."run.googleapis.com/execution_name" = {quoted(execution)}')
    return [*terms, *of_region(region)]


def resident_filter(region: str, *, service: str = "", worker_pool: str = "") -> list[str]:
    """The terms that choose the entries of a service or of a worker pool, as gcloud writes them."""
    kind, label, name = (_SERVICE, "service_name", service) if service else (_POOL, "worker_pool_name", worker_pool)
    return [f"resource.type = {kind}", f"resource.labels.{label} = {quoted(name)}", *of_region(region)]


def workflow_filter(location: str, *, workflow: str, execution: str = "") -> list[str]:
    """The terms that choose the entries of a workflow or of one execution (spec/workflows.md 8.9)."""
    terms = [f"resource.type = {_WORKFLOW}", f"resource.labels.workflow_id = {quoted(workflow)}"]
    if execution:
        terms.append(f'labels."workflows.googleapis.com/execution_id" = {quoted(execution)}')
    return [*terms, *of_region(location)]


def of_region(region: str) -> list[str]:
    """The terms that choose the entries of a region, whatever wrote them."""
    return [f"resource.labels.location = {quoted(region)}", "severity >= DEFAULT"]


def quoted(text: str) -> str:
    """A value as the filter language writes it: bare where it may be, else in double quotes."""
    plain = text and all(character.isalnum() or character in "-_" for character in text) and text.isascii()
    return text if plain else json.dumps(text)


def ago(seconds: float) -> str:
    """The instant that many seconds before now, as the API writes it."""
    moment = time.time() - seconds
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1e6):06d}Z"


def line(entry: Document) -> str:
    """`2026-11-23 05:00:06 text`. The real gcloud prints nothing for structured lines; we print their message."""
    seconds = instant(text_at(entry, "timestamp"))
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) if seconds is not None else "-"
    text = f"{stamp} {message(entry)}"
    if text_at(entry, "severity") in _LOUD and console.coloured(sys.stdout):
        return console.paint(text, "red")
    return text


def message(entry: Document) -> str:
    """What an entry says, in one text."""
    text = text_at(entry, "textPayload")
    if text:
        return text.rstrip("\n")
    payload = at(entry, "jsonPayload")
    if is_dict(payload):
        said = text_at(payload, "message")
        rest = {key: value for key, value in as_dict(payload).items() if key != "message"}
        return said or json.dumps(rest, ensure_ascii=False, sort_keys=True)
    request = dict_at(entry, "httpRequest")
    if request:  # of a service
        return " ".join(text_at(request, field) for field in ("requestMethod", "status", "requestUrl"))
    return text_at(entry, "protoPayload", "status", "message")
