"""Services that the gRPC port does not have: whatever the kind of call, UNIMPLEMENTED names the method."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from runtime_process import RuntimeProcess

grpc = pytest.importorskip("grpc")

UNARY = (
    "google.cloud.run.v2.Instances/CreateInstance",
    "google.cloud.run.v2.Instances/ListInstances",
    "google.cloud.run.v2.Instances/GetInstance",
    "google.cloud.run.v2.Builds/SubmitBuild",
    "google.cloud.run.v2.Jobs/GetJobs",
    "google.cloud.scheduler.v1.CloudScheduler/GetCmekConfig",
    "google.cloud.eventarc.v1.Eventarc/CreatePipeline",
    "google.cloud.eventarc.publishing.v1.Publisher/Publish",
    "google.storage.v2.Storage/GetObject",
    "google.storage.control.v2.StorageControl/CreateFolder",
    "google.cloud.tasks.v2.CloudTasks/CreateTask",
    "google.logging.v2.LoggingServiceV2/WriteLogEntries",
    "grpc.health.v1.Health/Check",
)
STREAMS = (
    ("unary_stream", "google.storage.v2.Storage/ReadObject"),
    ("stream_unary", "google.storage.v2.Storage/WriteObject"),
    ("stream_stream", "google.storage.v2.Storage/BidiWriteObject"),
    ("stream_stream", "google.logging.v2.LoggingServiceV2/TailLogEntries"),
    ("stream_stream", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
)


@pytest.fixture
def channel(runtime: RuntimeProcess) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{runtime.grpc_port}") as found:
        yield found


def refused(error: Any, method: str) -> bool:
    words = f"/{method}: not supported over gRPC by this version of hakobune."
    return (error.code(), error.details()) == (grpc.StatusCode.UNIMPLEMENTED, words)


@pytest.mark.parametrize("method", UNARY)
@pytest.mark.parametrize("content", [b"", b"\xff" * 100])
def test_given_a_method_that_is_not_there_when_called_then_its_name_is_in_the_refusal(
    channel: Any, method: str, content: bytes
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(f"/{method}")(content, timeout=20)
    assert refused(caught.value, method)


@pytest.mark.parametrize(("kind", "method"), STREAMS)
def test_given_a_stream_that_is_not_there_when_nothing_is_sent_yet_then_it_is_refused_at_once(
    channel: Any, kind: str, method: str
) -> None:
    is_over = threading.Event()

    def silent() -> Iterator[bytes]:
        is_over.wait(20)
        yield from ()

    call = getattr(channel, kind)(f"/{method}")
    content = b"x" if kind == "unary_stream" else silent()
    try:
        with pytest.raises(grpc.RpcError) as caught:
            list(call(content, timeout=15))
    finally:
        is_over.set()
    assert refused(caught.value, method)


def test_given_a_stream_of_much_when_it_is_not_there_then_the_port_goes_on(channel: Any) -> None:
    method = "google.storage.v2.Storage/WriteObject"
    with pytest.raises(grpc.RpcError) as caught:
        channel.stream_unary(f"/{method}")((b"x" * 1_000_000 for _ in range(50)), timeout=20)
    assert refused(caught.value, method)
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/google.cloud.run.v2.Jobs/GetJob")(b"", timeout=20)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
