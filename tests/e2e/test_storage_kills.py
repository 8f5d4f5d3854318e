"""Real processes, real kills: the runtime dies by SIGKILL at random instants while objects are uploaded and removed, and
messages published, pulled and acknowledged. What was answered holds; what was not is there as a whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urlsplit

import pytest

from bucket_behind import put_behind
from runtime_process import PROJECT, Answer, RuntimeProcess

KILLS = 110 if os.environ.get("HAKOBUNE_SOAK") else 4
BUCKET = "kill-bucket"
UPLOAD = f"/upload/storage/v1/b/{BUCKET}/o"
TOPICS = f"/v1/projects/{PROJECT}/topics"
SUBSCRIPTIONS = f"/v1/projects/{PROJECT}/subscriptions"
UNIT = 256 * 1024  # chunks of resumable uploads are multiples of it
SIZES = (0, 10, 3_000, 60_000, 400_000)
RACERS = 3
PAUSE_S = 0.03  # of each client between two calls, at most: the machine is shared
LEASE_S = 10
WITHIN_S = 120.0


def digest_of(content: bytes) -> str:
    """As objects have it: MD5 in base64."""
    return base64.b64encode(hashlib.md5(content).digest()).decode()


class State(Enum):
    """What is known of a call."""

    DONE = "answered with success"
    DOUBT = "not answered"
    REFUSED = "not received, or refused"
    LOST = "another one won"


@dataclass
class Try:
    """One upload or removal of an object. Contents are known by their digests: there are gigabytes of them."""

    digest: str
    state: State = State.DOUBT
    generation: str = ""


@dataclass
class Name:
    """All that happened to one name. Every upload demands that there is no object."""

    uploads: list[Try] = field(default_factory=list)
    removal: Try | None = None


class Clients:
    """Everybody who calls the runtime, and what they know. Guarded: several threads write."""

    def __init__(self, runtime: RuntimeProcess, seed: int) -> None:
        self.runtime = runtime
        self.seed = seed
        self.stop = threading.Event()  # no new work
        self.drained = threading.Event()  # no more pulls
        self.guard = threading.Lock()
        self.wrong: list[str] = []
        self.names: dict[str, Name] = defaultdict(Name)
        self.sent: dict[str, State] = {}
        self.ids: dict[str, set[str]] = defaultdict(set)  # of messages, by their texts
        self.pulled: dict[str, set[str]] = {"plain": set(), "told": set()}
        self.acked: dict[str, dict[str, float]] = {"plain": {}, "told": {}}
        self.told: set[tuple[str, str]] = set()  # objects that were finalized, with their generations

    # -- one call ---------------------------------------------------------------------------------------------------

    def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Answer | State:
        """An answer, or what is known without one."""
        try:
            answer = self.runtime.call(method, path, body, headers)
        except ConnectionRefusedError:
            time.sleep(PAUSE_S)
            return State.REFUSED
        except (OSError, http.client.HTTPException):
            return State.DOUBT
        if answer.status in (429, 503):
            return State.REFUSED
        return answer

    def expect(self, claim: bool, text: str) -> None:
        if not claim:
            with self.guard:
                self.wrong.append(text)

    def outcome(self, attempt: Try, answer: Answer | State, label: str) -> None:
        """Note what became of a call that changes an object."""
        if isinstance(answer, State):
            attempt.state = answer
        elif answer.status in (200, 204):
            attempt.state = State.DONE
            if answer.body:
                attempt.generation = answer.json["generation"]
                self.expect(answer.json["md5Hash"] == attempt.digest, f"{label}: answered with another content")
        else:
            attempt.state = State.LOST if answer.status == 412 else State.REFUSED
            self.expect(answer.status == 412, f"{label}: {answer.status} {answer.body!r}")

    # -- objects ----------------------------------------------------------------------------------------------------

    def attempt(self, name: str, body: bytes) -> Try:
        with self.guard:
            found = Try(digest_of(body))
            self.names[name].uploads.append(found)
        return found

    def simple(self, name: str, body: bytes) -> Try:
        attempt = self.attempt(name, body)
        path = f"{UPLOAD}?uploadType=media&name={name}&ifGenerationMatch=0"
        self.outcome(attempt, self.call("POST", path, body), name)
        return attempt

    def resumable(self, name: str, body: bytes) -> Try:
        """In chunks; after each failure it asks how much is there, and goes on from that."""
        attempt = self.attempt(name, body)
        path = f"{UPLOAD}?uploadType=resumable&name={name}&ifGenerationMatch=0"
        begun = self.call("POST", path, {"name": name})
        if isinstance(begun, State):
            attempt.state = State.REFUSED  # no byte of it was sent
            return attempt
        place = urlsplit(begun.headers["location"])
        session, total = f"{place.path}?{place.query}", len(body)
        stored, is_known, end_s = 0, True, time.monotonic() + WITHIN_S
        while time.monotonic() < end_s:
            last = min(total, stored + UNIT)
            chunk = body[stored:last] if is_known else b""
            told = f"bytes {stored}-{last - 1}/{total}" if is_known else f"bytes */{total}"
            answer = self.call("PUT", session, chunk, {"Content-Range": told})
            if isinstance(answer, State):
                is_known = False
                continue
            if answer.status != 308:
                self.outcome(attempt, answer, name)
                return attempt
            now = (
                int(answer.headers.get("range", "bytes=0--1").rpartition("-")[2]) + 1
                if "range" in answer.headers
                else 0
            )
            self.expect(now >= (last if is_known else stored), f"{name}: {stored} bytes were stored, now {now}")
            stored, is_known = now, True
        self.expect(False, f"{name}: the upload did not end")
        return attempt

    def uploader(self, number: int) -> None:
        rng = random.Random(f"{self.seed}/uploader/{number}")
        count = 0
        while not self.stop.is_set():
            count += 1
            name = f"u{number}-{count}"
            if rng.random() < 0.15:
                attempt = self.resumable(name, rng.randbytes(UNIT * 2 + rng.randrange(UNIT)))
            else:
                attempt = self.simple(name, rng.randbytes(rng.choice(SIZES)))
            if attempt.state is State.DONE and rng.random() < 0.2:
                removal = Try("")
                self.names[name].removal = removal
                path = f"/storage/v1/b/{BUCKET}/o/{name}?ifGenerationMatch={attempt.generation}"
                self.outcome(removal, self.call("DELETE", path), name)
            time.sleep(rng.uniform(0, PAUSE_S))

    def racer(self) -> None:
        """Several uploads of one name at once: one of them wins."""
        rng = random.Random(f"{self.seed}/racer")
        count = 0
        with ThreadPoolExecutor(RACERS) as racers:
            while not self.stop.is_set():
                count += 1
                bodies = [rng.randbytes(rng.choice(SIZES) + 8) for _ in range(RACERS)]
                list(racers.map(self.simple, [f"race-{count}"] * RACERS, bodies))
                time.sleep(rng.uniform(0, PAUSE_S))

    def reader(self) -> None:
        """What can be read is what somebody sent, as a whole."""
        rng = random.Random(f"{self.seed}/reader")
        while not self.stop.is_set():
            with self.guard:
                name = rng.choice(list(self.names) or ["none"])
            answer = self.call("GET", f"/download/storage/v1/b/{BUCKET}/o/{name}?alt=media")
            if isinstance(answer, Answer) and answer.status == 200:
                sent = [attempt.digest for attempt in self.names[name].uploads]
                self.expect(digest_of(answer.body) in sent, f"{name}: read {len(answer.body)} bytes that nobody sent")
            time.sleep(rng.uniform(0, PAUSE_S))

    # -- messages ---------------------------------------------------------------------------------------------------

    def publisher(self, number: int) -> None:
        rng = random.Random(f"{self.seed}/publisher/{number}")
        count = 0
        while not self.stop.is_set():
            texts = [f"m{number}-{count + more}" for more in range(rng.choice((1, 1, 4, 20)))]
            count += len(texts)
            with self.guard:
                self.sent.update(dict.fromkeys(texts, State.DOUBT))
            messages = [
                {"data": base64.b64encode(text.encode()).decode(), "attributes": {"text": text}} for text in texts
            ]
            answer = self.call("POST", f"{TOPICS}/plain:publish", {"messages": messages})
            state = answer if isinstance(answer, State) else State.DONE
            with self.guard:
                self.sent.update(dict.fromkeys(texts, state))
                if isinstance(answer, Answer):
                    for text, message_id in zip(texts, answer.json["messageIds"], strict=True):
                        self.ids[text].add(message_id)
            time.sleep(rng.uniform(0, PAUSE_S))

    def puller(self, subscription: str, number: int) -> None:
        rng = random.Random(f"{self.seed}/puller/{subscription}/{number}")
        path = f"{SUBSCRIPTIONS}/{subscription}"
        while not self.drained.is_set():
            asked_s = time.monotonic()
            answer = self.call("POST", f"{path}:pull", {"maxMessages": 50, "returnImmediately": True})
            received = [] if isinstance(answer, State) else answer.json.get("receivedMessages", [])
            chosen: dict[str, str] = {}
            for item in received:
                text = self.take(subscription, item["message"], asked_s)
                if rng.random() < 0.9:  # what is not acknowledged comes again
                    chosen[item["ackId"]] = text
            if chosen:
                answer = self.call("POST", f"{path}:acknowledge", {"ackIds": list(chosen)})
                if isinstance(answer, Answer):
                    self.expect(answer.status == 200, f"acknowledge: {answer.status} {answer.body!r}")
                    with self.guard:
                        self.acked[subscription].update(dict.fromkeys(chosen.values(), time.monotonic()))
            if not received:
                time.sleep(PAUSE_S)

    def take(self, subscription: str, message: dict[str, object], asked_s: float) -> str:
        """Note a message; what it is called."""
        attributes = message["attributes"]
        assert isinstance(attributes, dict)
        data = base64.b64decode(str(message.get("data", "")))
        if subscription == "plain":
            text = str(attributes["text"])
            self.expect(data.decode() == text, f"message {text} came with {data!r}")
        else:
            text = str(message["messageId"])
            version = (attributes["objectId"], attributes["objectGeneration"])
            self.expect(json.loads(data)["generation"] == version[1], f"{version} was told with another object")
        with self.guard:
            if subscription == "plain":
                self.ids[text].add(str(message["messageId"]))
            elif attributes["eventType"] == "OBJECT_FINALIZE":
                self.told.add(version)
            self.pulled[subscription].add(text)
            acked_s = self.acked[subscription].get(text)
        self.expect(acked_s is None or acked_s > asked_s, f"message {text} came again after its ack was answered")
        return text

    # -- all together -----------------------------------------------------------------------------------------------

    @contextmanager
    def at_work(self) -> Iterator[list[Future[None]]]:
        """All of them; those who make something are yielded. What they raise is raised when they have ended."""
        makers: list[tuple[Callable[..., None], tuple[object, ...]]] = [
            (self.uploader, (1,)),
            (self.uploader, (2,)),
            (self.racer, ()),
            (self.publisher, (1,)),
            (self.publisher, (2,)),
        ]
        others: list[tuple[Callable[..., None], tuple[object, ...]]] = [
            (self.reader, ()),
            (self.puller, ("plain", 1)),
            (self.puller, ("plain", 2)),
            (self.puller, ("told", 1)),
        ]
        with ThreadPoolExecutor(len(makers) + len(others)) as pool:
            futures = [pool.submit(work, *arguments) for work, arguments in (*makers, *others)]
            try:
                yield futures[: len(makers)]
            finally:
                self.stop.set()
                self.drained.set()
            for future in futures:
                future.result()

    def missing(self) -> tuple[set[str], set[tuple[str, str]]]:
        """What was accepted and has not come yet: messages, notices of objects."""
        with self.guard:
            accepted = {text for text, state in self.sent.items() if state is State.DONE}
            made = {
                (name, attempt.generation)
                for name, known in self.names.items()
                for attempt in known.uploads
                if attempt.state is State.DONE
            }
            return accepted - self.pulled["plain"], made - self.told

    # -- checks -----------------------------------------------------------------------------------------------------

    def check_objects(self) -> None:
        listed: dict[str, str] = {}
        token = ""
        while True:
            answer = self.runtime.call("GET", f"/storage/v1/b/{BUCKET}/o?maxResults=1000&pageToken={token}").json
            listed.update({item["name"]: item["generation"] for item in answer.get("items", [])})
            token = answer.get("nextPageToken", "")
            if not token:
                break
        self.expect(listed.keys() <= self.names.keys(), f"nobody made {listed.keys() - self.names.keys()}")
        for name, known in self.names.items():
            answer = self.runtime.call("GET", f"/download/storage/v1/b/{BUCKET}/o/{name}?alt=media")
            self.expect((answer.status == 200) == (name in listed), f"{name}: listed and readable differ")
            content = digest_of(answer.body) if answer.status == 200 else None
            self.check_name(name, known, content, listed.get(name, ""))

    def check_name(self, name: str, known: Name, content: str | None, generation: str) -> None:
        winners = [attempt for attempt in known.uploads if attempt.state is State.DONE]
        doubts = [attempt.digest for attempt in known.uploads if attempt.state is State.DOUBT]
        self.expect(len(winners) <= 1, f"{name}: {len(winners)} uploads won one race")
        removal = known.removal.state if known.removal else State.REFUSED
        if removal is State.DONE:
            self.expect(content is None, f"{name}: came back after its removal")
        elif winners:
            is_there = content == winners[0].digest and generation == winners[0].generation
            self.expect(is_there or (removal is State.DOUBT and content is None), f"{name}: is lost or another one")
        elif any(attempt.state is State.LOST for attempt in known.uploads):
            self.expect(content in doubts, f"{name}: others lost against an object that is not there")
        else:
            self.expect(content is None or content in doubts, f"{name}: is there, and nobody can have made it")

    def check_messages(self) -> None:
        for text, ids in self.ids.items():
            self.expect(len(ids) == 1, f"message {text} was stored as {ids}")
        for text in self.pulled["plain"]:
            self.expect(
                self.sent.get(text) in (State.DONE, State.DOUBT), f"message {text} came, and was never accepted"
            )


def prepare(runtime: RuntimeProcess) -> None:
    """A bucket that tells a topic, another topic, and one who listens to each."""
    made = [runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": BUCKET})]
    for name in ("plain", "told"):
        topic = {"topic": f"projects/{PROJECT}/topics/{name}", "ackDeadlineSeconds": LEASE_S}
        made.append(runtime.call("PUT", f"{TOPICS}/{name}", {}))
        made.append(runtime.call("PUT", f"{SUBSCRIPTIONS}/{name}", topic))
    config = {"topic": f"//pubsub.googleapis.com/projects/{PROJECT}/topics/told"}
    made.append(runtime.call("POST", f"/storage/v1/b/{BUCKET}/notificationConfigs", config))
    assert [answer.status for answer in made] == [200] * len(made), made


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("place", ["files", "bucket"])
def test_given_uploads_and_messages_when_the_runtime_is_killed_again_and_again_then_what_was_answered_holds(
    own_runtime: RuntimeProcess, request: pytest.FixtureRequest, place: str
) -> None:
    """Also when the contents are in a bucket elsewhere."""
    if place == "bucket":
        put_behind(own_runtime, request.getfixturevalue("runtime"))
    seed = int(os.environ.get("HAKOBUNE_KILL_SEED", random.randrange(1_000_000)))
    print(f"HAKOBUNE_KILL_SEED={seed}")
    rng = random.Random(seed)
    own_runtime.start()
    prepare(own_runtime)
    clients = Clients(own_runtime, seed)
    with clients.at_work() as makers:
        for _ in range(KILLS):
            own_runtime.wait_ready()
            time.sleep(rng.uniform(0.0, 1.0))
            own_runtime.kill()
            own_runtime.start(wait=False)
            if rng.random() < 0.3:  # also while it starts
                time.sleep(rng.uniform(0.0, 0.5))
                own_runtime.kill()
                own_runtime.start(wait=False)
            assert not any(maker.done() for maker in makers), "a client gave up"
        own_runtime.wait_ready()
        clients.stop.set()
        wait(makers, WITHIN_S)
        end_s = time.monotonic() + WITHIN_S
        while any(clients.missing()) and time.monotonic() < end_s:
            time.sleep(0.05)
    own_runtime.kill()  # what is checked is on the disk
    own_runtime.start()
    assert clients.missing() == (set(), set())
    clients.check_objects()
    clients.check_messages()
    states = [attempt.state for known in clients.names.values() for attempt in known.uploads]
    print(f"seed {seed}: {len(clients.names)} names, {len(clients.pulled['plain'])} messages")
    assert clients.wrong == [], f"HAKOBUNE_KILL_SEED={seed}"
    assert states.count(State.DONE) > KILLS, "hardly anything was uploaded"
    assert State.LOST in states, "nobody raced"
