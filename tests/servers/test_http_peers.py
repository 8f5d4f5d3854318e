"""Peers that are slow, silent, many, or gone; handlers with bugs; the end."""

from __future__ import annotations

import json
import threading
import time

import pytest
from http_handlers import HANDLERS
from http_world import Raw, World, get

from hakobune.servers.http import outflow, protocol


def test_given_a_peer_that_never_reads_then_the_answer_waits_in_bounds_and_the_peer_is_cut_off(world: World) -> None:
    with Raw(world.port, receive_bytes=4096) as raw:
        raw.send(get("/large"))
        assert raw.head()[0] == 200
        world.after(1)
        assert world.connections == 1
        world.after(outflow.STALL_TIMEOUT_S + 5)
        world.eventually_alone()


def test_given_a_head_that_drips_then_it_has_its_time_and_no_more(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(b"GET /hello HTTP/1.1\r\nX: ")
        while not world.connections:
            time.sleep(0.01)
        world.after(protocol.HEAD_TIMEOUT_S - 5)
        assert world.connections == 1
        world.after(protocol.HEAD_TIMEOUT_S + 5)
        world.eventually_alone()


def test_given_an_idle_connection_then_it_is_closed_after_its_time(world: World) -> None:
    with Raw(world.port) as raw:
        assert raw.send(get("/hello")).answer()[0] == 200
        world.after(protocol.IDLE_TIMEOUT_S - 5)
        assert world.connections == 1
        world.after(protocol.IDLE_TIMEOUT_S + 5)
        assert raw.ends()
    world.eventually_alone()


def test_given_a_body_that_stops_then_its_sender_is_cut_off(world: World) -> None:
    world.seen.clear()
    with Raw(world.port) as raw:
        raw.send(get("/echo", "Content-Length: 10", method="POST"), b"12345")
        while ("POST", "/echo") not in world.seen:
            time.sleep(0.01)
        world.after(outflow.STALL_TIMEOUT_S + 5)
        assert raw.ends()
    world.eventually_alone()


def test_given_a_long_poll_when_the_peer_closes_then_it_is_given_up_soon(world: World) -> None:
    world.seen.clear()
    raw = Raw(world.port).send(get("/never"))
    while ("GET", "/never") not in world.seen:
        time.sleep(0.01)
    raw.socket.close()
    end = time.monotonic() + 5
    while world.connections and time.monotonic() < end:
        world.after(protocol.HALF_CLOSED_TIMEOUT_S + 5)
        time.sleep(0.01)
    world.eventually_alone()


def test_given_a_stream_when_the_peer_leaves_then_it_ends(world: World) -> None:
    raw = Raw(world.port).send(get("/endless"))
    raw.head()
    raw.socket.close()
    world.eventually_alone()


def test_given_a_handler_with_a_bug_then_500_and_the_server_goes_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with Raw(world.port) as raw:
        status, content = raw.send(get("/broken")).answer()
        assert (status, json.loads(content)["error"]["status"]) == (500, "INTERNAL")
        assert raw.send(get("/hello")).answer()[0] == 200


def test_given_a_stream_that_breaks_then_the_cut_is_visible_and_the_server_goes_on(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(get("/torn"))
        raw.head()
        with pytest.raises((AssertionError, ConnectionResetError)):
            raw._chunked()
    with Raw(world.port) as raw:
        assert raw.send(get("/hello")).answer()[0] == 200


def test_given_more_connections_than_may_be_open_then_the_longest_idle_go_and_new_ones_are_served(
    world: World,
) -> None:
    server = world.server
    assert server is not None
    server._connections_max, kept = 64, server._connections_max
    idle = [Raw(world.port) for _ in range(64)]
    try:
        newest = idle[-1]
        assert newest.send(get("/hello")).answer()[0] == 200
        late = [Raw(world.port) for _ in range(20)]
        idle += late
        assert [raw.send(get("/hello")).answer()[0] for raw in late] == [200] * 20
        assert world.connections <= 64
        assert idle[0].ends()
    finally:
        server._connections_max = kept
        for raw in idle:
            raw.socket.close()
    world.eventually_alone()


def test_given_open_connections_and_long_polls_when_stopped_then_within_its_grace() -> None:
    world = World(dict(HANDLERS)).start()
    raws = [Raw(world.port).send(get(target)) for target in ["/never", "/endless", "/hello", "/hello"] * 5]
    end = time.monotonic() + 5
    while len(world.seen) < 20:
        assert time.monotonic() < end
        time.sleep(0.01)
    threads = threading.active_count()
    started_s = time.monotonic()
    world.stop()
    assert time.monotonic() - started_s < 1.5
    assert threading.active_count() < threads
    for raw in raws:
        raw.socket.close()
