"""What a reception starts: a job of Cloud Run, or a workflow. Through public APIs only.

Both are started under a key. The runtime knows it (`Idempotency-Key`) and never starts two. Google's services do not:
so the receipt's id is also within the execution, and a start that is in doubt is looked for before it is repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast
from urllib.parse import quote

from hakobune.sdk import objects
from hakobune.sdk.assignments import REQUEST_VARIABLE, RESULT_VARIABLE
from hakobune.sdk.cells import encoded, mapping
from hakobune.sdk.errors import ApiRefused, ApiUnavailable
from hakobune.sdk.progress_meter import RECEIPT_VARIABLE
from hakobune.sdk.receipts import Failure, Progress, Receipt, Seen, State
from hakobune.sdk.reception_http import Api, Json, Platform
from hakobune.sdk.reception_progress import ProgressLog

RECEIPT_LABEL = "hakobune-receipt"  # of a workflow's execution: lower-case letters, digits and dashes

_KEY_HEADER = "Idempotency-Key"
_LOOKED_AT_PAGES = 5
_PAGE_SIZE = 100
# A larger result stays where it is, and the receipt says where.
RESULT_BYTES_MAX = 64 << 10


class Target(Protocol):
    """What can be started for a receipt."""

    @property
    def name(self) -> str:
        """Its id or full name."""
        ...

    def start(self, platform: Platform, receipt: Receipt, result: str) -> str:
        """Start it under the receipt's key; the full name of the execution. `result`: where it leaves its result.
        Raises ApiUnavailable, ApiRefused."""
        ...

    def find(self, platform: Platform, receipt: Receipt) -> str:
        """The full name of the execution that was started for the receipt before, "" if there is none to be seen."""
        ...

    def look(self, platform: Platform, receipt: Receipt, log: ProgressLog | None, result: str) -> Seen:
        """What has become of it. log: to be read for progress; None if it is not time for that."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """A job: its id in this project and region, or its full name `projects/P/locations/L/jobs/J`.

    Its tasks get HAKOBUNE_RECEIPT, HAKOBUNE_REQUEST (the request as JSON) and HAKOBUNE_RESULT in their environment:
    `hakobune.sdk.Assignment` reads them. result: where the result shall stand, `{receipt}` in it standing for the id
    of the receipt; else it is beside the receipts. container: the name of the container that gets the variables, if
    the job has several.
    """

    name: str
    result: str = ""
    container: str = ""

    def start(self, platform: Platform, receipt: Receipt, result: str) -> str:
        """`POST …/jobs/J:run` with overrides."""
        variables = {RECEIPT_VARIABLE: receipt.id, REQUEST_VARIABLE: encoded_request(receipt.request)}
        if place := self._result(receipt, result):
            variables[RESULT_VARIABLE] = place
        override: Json = {"env": [{"name": name, "value": value} for name, value in variables.items()]}
        if self.container:
            override["name"] = self.container
        body: Json = {"overrides": {"containerOverrides": [override]}}
        path = f"/v2/{self._full_name(platform)}:run"
        answer = platform.call(Api.RUN, "POST", path, body, {_KEY_HEADER: receipt.id})
        name = mapping(answer.get("metadata")).get("name")
        if not isinstance(name, str):
            raise ApiUnavailable(f"the answer of {path} names no execution")
        return name

    def find(self, platform: Platform, receipt: Receipt) -> str:
        """By the variable HAKOBUNE_RECEIPT of the newest 500 executions."""
        path = f"/v2/{self._full_name(platform)}/executions"
        for execution in _listed(platform, Api.RUN, path, "executions", ""):
            if receipt.id in _values(execution, RECEIPT_VARIABLE):
                return str(execution.get("name", ""))
        return ""

    def look(self, platform: Platform, receipt: Receipt, log: ProgressLog | None, result: str) -> Seen:
        """Its condition Completed and its counts, and what its tasks have reported."""
        try:
            found = platform.call(Api.RUN, "GET", f"/v2/{quote(receipt.execution)}")
        except ApiRefused as error:
            return _gone(error)
        state, message = _outcome(found)
        if state is State.SUCCEEDED:
            return Seen(state=state, result=read_result(self._result(receipt, result)))
        progress: Progress | None = None
        if log is not None:
            log.read(platform, is_workflow=False)
            progress = log.of_job(tasks=_number(found, "taskCount"), succeeded=_number(found, "succeededCount"))
        return Seen(
            state=state, progress=progress, failure=None if state is State.RUNNING else Failure(message=message)
        )

    def _result(self, receipt: Receipt, result: str) -> str:
        return self.result.replace("{receipt}", receipt.id) if self.result else result

    def _full_name(self, platform: Platform) -> str:
        return _full_name(platform, "jobs", self.name)


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow: its id in this project and region, or its full name `projects/P/locations/L/workflows/W`.

    Its argument is `{"receipt": ID, "request": …}`; with `is_plain` it is the request alone.
    """

    name: str
    is_plain: bool = False

    def start(self, platform: Platform, receipt: Receipt, result: str) -> str:
        """`POST …/workflows/W/executions`."""
        del result  # an execution has one of its own
        argument = receipt.request if self.is_plain else {"receipt": receipt.id, "request": receipt.request}
        body: Json = {"argument": encoded_request(argument), "labels": {RECEIPT_LABEL: receipt.id}}
        path = f"/v1/{self._full_name(platform)}/executions"
        name = platform.call(Api.EXECUTIONS, "POST", path, body, {_KEY_HEADER: receipt.id}).get("name")
        if not isinstance(name, str):
            raise ApiUnavailable(f"the answer of {path} names no execution")
        return name

    def find(self, platform: Platform, receipt: Receipt) -> str:
        """By the label of the newest 500 executions."""
        path = f"/v1/{self._full_name(platform)}/executions"
        for execution in _listed(platform, Api.EXECUTIONS, path, "executions", "view=FULL&"):
            if mapping(execution.get("labels")).get(RECEIPT_LABEL) == receipt.id:
                return str(execution.get("name", ""))
        return ""

    def look(self, platform: Platform, receipt: Receipt, log: ProgressLog | None, result: str) -> Seen:
        """Its state, result and error, and what it and the jobs that it started have reported."""
        del result
        try:
            found = platform.call(Api.EXECUTIONS, "GET", f"/v1/{quote(receipt.execution)}")
        except ApiRefused as error:
            return _gone(error)
        match found.get("state"):
            case "SUCCEEDED":
                return Seen(state=State.SUCCEEDED, result=_json_or_text(found.get("result")))
            case "FAILED":
                return Seen(state=State.FAILED, failure=_raised(found.get("error")))
            case "CANCELLED":
                return Seen(state=State.CANCELLED, failure=Failure(message="The execution was cancelled."))
            case _:  # ACTIVE, QUEUED, and UNAVAILABLE, from which it may come back
                if log is None:
                    return Seen(state=State.RUNNING)
                log.read(platform, is_workflow=True)
                return Seen(state=State.RUNNING, progress=log.of_workflow())

    def _full_name(self, platform: Platform) -> str:
        return _full_name(platform, "workflows", self.name)


def encoded_request(request: object) -> str:
    """The request as JSON. Raises TypeError or ValueError for what JSON cannot hold."""
    return json.dumps(request, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_result(location: str) -> object:
    """The JSON value at the location; `{"location": …}` if it is large or no JSON; None if nothing is there."""
    if not location:
        return None
    if objects.is_object(location):
        found = objects.read(objects.Location.parse(location))
        content = None if found is None else found[0]
    else:
        content = _read_file(location)
    if content is None:
        return None
    if len(content) > RESULT_BYTES_MAX:
        return {"location": location}
    try:
        value: object = json.loads(content)
        encoded({"value": value})  # NaN is read, but is no JSON
    except ValueError:
        return {"location": location}
    return value


def _read_file(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(RESULT_BYTES_MAX + 1)
    except FileNotFoundError:
        return None


def _full_name(platform: Platform, collection: str, name: str) -> str:
    if "/" in name:
        return quote(name)
    return f"projects/{quote(platform.project())}/locations/{quote(platform.location())}/{collection}/{quote(name)}"


def _listed(platform: Platform, api: Api, path: str, field: str, query: str) -> Iterable[Json]:
    token = ""
    for _ in range(_LOOKED_AT_PAGES):
        answer = platform.call(api, "GET", f"{path}?{query}pageSize={_PAGE_SIZE}&pageToken={quote(token, safe='')}")
        for item in cast("Iterable[object]", answer.get(field) or ()):
            yield mapping(item)
        token = str(answer.get("nextPageToken") or "")
        if not token:
            return


def _values(execution: Mapping[str, object], variable: str) -> set[object]:
    """What a variable has in the containers of a job's execution."""
    containers = cast("Iterable[object]", mapping(execution.get("template")).get("containers") or ())
    lists = [cast("Iterable[object]", mapping(container).get("env") or ()) for container in containers]
    variables = [mapping(entry) for entries in lists for entry in entries]
    return {entry.get("value") for entry in variables if entry.get("name") == variable}


def _outcome(execution: Mapping[str, object]) -> tuple[State, str]:
    for condition in cast("Iterable[Mapping[str, object]]", execution.get("conditions") or ()):
        if condition.get("type") == "Completed":
            message = str(condition.get("message") or "The execution has failed.")
            if condition.get("state") == "CONDITION_SUCCEEDED":
                return State.SUCCEEDED, ""
            if condition.get("state") == "CONDITION_FAILED":
                is_cancelled = condition.get("executionReason") == "CANCELLED"
                return State.CANCELLED if is_cancelled else State.FAILED, message
    return State.RUNNING, ""


def _gone(error: ApiRefused) -> Seen:
    """The execution was deleted before its end was seen; any other refusal is no news of the work."""
    if error.status != 404:
        raise error
    return Seen(state=State.FAILED, failure=Failure(message=f"The execution cannot be found any more: {error}"))


def _raised(error: object) -> Failure:
    fields = mapping(error)
    message = str(fields.get("context") or "The execution has failed.")
    return Failure(message=message, detail=_json_or_text(fields.get("payload")))


def _json_or_text(value: object) -> object:
    if not isinstance(value, str):
        return None
    try:
        found: object = json.loads(value)
    except ValueError:
        return value
    return found


def _number(execution: Mapping[str, object], field: str) -> int:
    value = execution.get(field, 0)
    return int(value) if isinstance(value, (int, str)) else 0
