"""What triggers cost: to find who wants an event among 1,000 of them, and to tell a handler of an upload.

Finding is measured in one process, in processor time for one event, over events of which each is wanted by one trigger:
triggers of 1,000 buckets; of 1,000 methods; of one method, each with a path pattern of its own; and of patterns that
share all their whole segments, so that all 1,000 must be looked at. The upload goes to a real runtime with 1,000
triggers; the handler is a small server that stays connected. Its first byte counts from the answer of the upload.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.house import LOCATION, PROJECT, House
from bench.report import POWER, Report, at_most, middle
from hakobune.core.triggers.event_types import AUDIT_LOG, FINALIZED
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.matching import TriggerIndex
from hakobune.core.triggers.model import Destination, Filter, Trigger, TriggerName

TRIGGERS = 1_000
EVENTS_A_SECOND = 1_000
EVENTS = 5_000
ROUNDS = 9
UPLOADS = 300
BUCKET = "bench-told"
_PARENT = f"/v1/projects/{PROJECT}/locations/{LOCATION}/triggers"
_WITHIN_S = 20.0


# -- finding ---------------------------------------------------------------------------------------------------------


def _trigger(number: int, event_type: str, *filters: Filter) -> Trigger:
    return Trigger(
        name=TriggerName(project="p", location="l", id=f"t{number}"),
        uid=f"t{number}",
        filters=(Filter(attribute="type", value=event_type), *filters),
        destination=Destination(workflow="w"),
    )


def _by_bucket(number: int) -> Trigger:
    return _trigger(number, FINALIZED, Filter(attribute="bucket", value=f"bucket-{number}"))


def _by_method(number: int) -> Trigger:
    service = Filter(attribute="serviceName", value="run.googleapis.com")
    return _trigger(number, AUDIT_LOG, service, Filter(attribute="methodName", value=f"method-{number}"))


def _by_pattern(number: int) -> Trigger:
    service = Filter(attribute="serviceName", value="storage.googleapis.com")
    method = Filter(attribute="methodName", value="storage.objects.create")
    pattern = Filter(attribute="resourceName", value=f"projects/_/**/in-{number}/*.mp4", is_pattern=True)
    return _trigger(number, AUDIT_LOG, service, method, pattern)


def _by_piece(number: int) -> Trigger:
    service = Filter(attribute="serviceName", value="storage.googleapis.com")
    method = Filter(attribute="methodName", value="storage.objects.create")
    pattern = Filter(attribute="resourceName", value=f"projects/_/**/in-{number:03d}*/*.mp4", is_pattern=True)
    return _trigger(number, AUDIT_LOG, service, method, pattern)


def _object_event(number: int) -> CloudEvent:
    bucket = f"bucket-{number % TRIGGERS}"
    source = f"//storage.googleapis.com/projects/_/buckets/{bucket}"
    return CloudEvent(id=str(number), source=source, type=FINALIZED, subject="objects/a", extensions={"bucket": bucket})


def _call_event(number: int) -> CloudEvent:
    extensions = {"servicename": "run.googleapis.com", "methodname": f"method-{number % TRIGGERS}", "resourcename": "x"}
    return CloudEvent(id=str(number), source="//a", type=AUDIT_LOG, subject="s", extensions=extensions)


def _upload_event(number: int) -> CloudEvent:
    extensions = {
        "servicename": "storage.googleapis.com",
        "methodname": "storage.objects.create",
        "resourcename": f"projects/_/buckets/b/objects/in-{number % TRIGGERS}/movie.mp4",
    }
    return CloudEvent(id=str(number), source="//a", type=AUDIT_LOG, subject="s", extensions=extensions)


def _piece_event(number: int) -> CloudEvent:
    extensions = {
        "servicename": "storage.googleapis.com",
        "methodname": "storage.objects.create",
        "resourcename": f"projects/_/buckets/b/objects/in-{number % TRIGGERS:03d}x/movie.mp4",
    }
    return CloudEvent(id=str(number), source="//a", type=AUDIT_LOG, subject="s", extensions=extensions)


def _finding(report: Report, rounds: int) -> None:
    kinds = (
        ("of 1,000 buckets", _by_bucket, _object_event, EVENTS),
        ("of 1,000 methods", _by_method, _call_event, EVENTS),
        ("of 1,000 path patterns", _by_pattern, _upload_event, EVENTS),
        ("of 1,000 patterns of parts", _by_piece, _piece_event, EVENTS // 10),
    )
    for name, trigger_of, event_of, count in kinds:
        index = TriggerIndex(trigger_of(number) for number in range(TRIGGERS))
        events = [event_of(number) for number in range(count)]
        costs_us: list[float] = []
        for _ in range(rounds):
            begin_s = time.process_time()
            found = sum(len(index.matching(event)) for event in events)
            costs_us.append((time.process_time() - begin_s) / count * 1e6)
            if found != count:
                raise RuntimeError(f"{found} triggers were found for {count} events")
        report.sample(f"one event, triggers {name}", costs_us, "µs CPU")
        share = middle(costs_us) * EVENTS_A_SECOND / 1e6
        report.figure(f"1,000 events/s, triggers {name}", share, "processors", target=at_most(1, "processor"))


# -- telling ---------------------------------------------------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def parse_request(self) -> bool:
        self.begin_s = time.perf_counter()  # the first line is there
        return super().parse_request()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        came, seen = self.server.told  # type: ignore[attr-defined]
        with came:
            seen[body["name"]] = self.begin_s
            came.notify_all()

    def log_message(self, *_: object) -> None:
        """Silence."""


def _telling(report: Report, directory: Path, uploads: int) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    came, seen = threading.Condition(), dict[str, float]()
    server.told = came, seen  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    destination = {"httpEndpoint": {"uri": f"http://127.0.0.1:{server.server_port}/"}}
    with House(directory / "data") as house:
        house.start()
        house.sure("POST", f"/storage/v1/b?project={PROJECT}", {"name": BUCKET})
        for number in range(TRIGGERS):
            bucket = BUCKET if number == 0 else f"bucket-{number}"
            filters = [{"attribute": "type", "value": FINALIZED}, {"attribute": "bucket", "value": bucket}]
            body = {"eventFilters": filters, "destination": destination}
            house.sure("POST", f"{_PARENT}?triggerId=t{number}", body)
        waits_ms: list[float] = []
        for number in range(uploads + 5):
            name = f"o-{number}"
            house.sure("POST", f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}", {"n": number})
            answered_s = time.perf_counter()
            with came:
                if not came.wait_for(lambda name=name: name in seen, _WITHIN_S):
                    raise TimeoutError(f"{name} was not told")
            if number >= 5:  # the first ones open connections and load modules
                waits_ms.append((seen[name] - answered_s) * 1e3)
    server.shutdown()
    server.server_close()
    _report_waits(report, waits_ms)


def _report_waits(report: Report, waits_ms: Sequence[float]) -> None:
    report.sample("upload answered -> first byte at the handler", waits_ms, "ms")
    report.figure("upload answered -> first byte, p50", middle(waits_ms), "ms", target=at_most(10, "ms"))


def measure(directory: Path, *, is_quick: bool) -> Report:
    """Both parts."""
    report = Report("triggers", directory, durability=POWER, is_quick=is_quick)
    _finding(report, 3 if is_quick else ROUNDS)
    _telling(report, directory, 30 if is_quick else UPLOADS)
    return report
