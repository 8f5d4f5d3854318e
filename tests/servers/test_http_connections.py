"""One connection: order, framing, bodies, good-byes."""

from __future__ import annotations

import json
import socket
import time
import zlib

import pytest
from http_world import Raw, World, get, post

from hakobune.servers.http import protocol

# -- order and framing ------------------------------------------------------------------------------------------------


def test_given_pipelined_requests_when_answered_then_in_their_order(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(post("/echo", b"1") + get("/hello") + post("/echo", b"3"))
        assert [raw.answer() for _ in range(3)] == [
            (200, b"POST /echo 1"),
            (200, b"hello /hello"),
            (200, b"POST /echo 3"),
        ]


def test_given_a_pipelined_request_whose_body_comes_later_when_the_first_is_answered_then_the_second_is_read_on(
    world: World,
) -> None:
    with Raw(world.port) as raw:
        whole = post("/echo", b"x" * 3_000_000)
        raw.send(get("/hello") + whole[:200])
        assert raw.answer() == (200, b"hello /hello")
        raw.send(whole[200:])
        assert raw.answer() == (200, b"POST /echo " + b"x" * 3_000_000)


def test_given_more_pipelined_requests_than_may_wait_then_the_surplus_is_refused_and_was_not_begun(
    world: World,
) -> None:
    world.seen.clear()
    with Raw(world.port) as raw:
        raw.send(get("/hello") * (protocol.PIPELINE_MAX + 20))
        statuses = [raw.answer()[0] for _ in range(protocol.PIPELINE_MAX + 2)]
        assert statuses == [200] * (protocol.PIPELINE_MAX + 1) + [503]
        assert raw.ends()
    assert len(world.seen) == protocol.PIPELINE_MAX + 1


def test_given_a_request_byte_by_byte_then_it_is_answered(world: World) -> None:
    with Raw(world.port) as raw:
        raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.send(*(bytes([byte]) for byte in post("/echo", b"drip")))
        assert raw.answer() == (200, b"POST /echo drip")


def test_given_a_chunked_body_with_extensions_and_trailers_then_only_the_content_arrives(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(get("/echo", "Transfer-Encoding: chunked", method="POST"))
        raw.send(b"3;name=value\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\nHost: evil\r\nX-Late: yes\r\n\r\n")
        assert raw.answer() == (200, b"POST /echo abcde")
        raw.send(get("/hello"))
        assert raw.answer()[0] == 200


def test_given_a_gzip_body_then_handlers_see_its_content(world: World) -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b"plain") + packer.flush()
    with Raw(world.port) as raw:
        raw.send(post("/echo", packed, "Content-Encoding: gzip"))
        assert raw.answer() == (200, b"POST /echo plain")
        raw.send(post("/echo", b"no gzip", "Content-Encoding: gzip"))
        assert raw.answer()[0] == 400
        raw.send(post("/echo", packed[:-4], "Content-Encoding: gzip"))
        assert raw.answer()[0] == 400
        raw.send(post("/echo", packed, "Content-Encoding: br"))
        assert raw.answer()[0] == 400


def test_given_a_small_gzip_body_that_is_large_inside_then_it_is_refused(world: World) -> None:
    packer = zlib.compressobj(9, wbits=31)
    packed = packer.compress(b"0" * 100_000_000) + packer.flush()
    with Raw(world.port) as raw:
        raw.send(post("/echo", packed, "Content-Encoding: gzip"))
        assert raw.answer()[0] == 413


def test_given_a_stream_then_it_comes_in_chunks_and_http_1_0_gets_it_up_to_the_end(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(get("/counted"))
        assert raw.answer() == (200, b"012")
    with Raw(world.port) as raw:
        raw.send(get("/counted", version="1.0"))
        status, headers = raw.head()
        assert (status, headers["connection"], "transfer-encoding" in headers) == (200, "close", False)
        assert raw.take(3) == b"012"
        assert raw.ends()


def test_given_head_then_the_length_is_that_of_get_and_nothing_follows(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(get("/hello", method="HEAD") + get("/endless", method="HEAD") + get("/hello"))
        status, headers = raw.head()
        assert (status, headers["content-length"]) == (200, "12")
        assert raw.head()[0] == 200
        assert raw.answer() == (200, b"hello /hello")


@pytest.mark.parametrize(
    ("version", "connection", "is_kept"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close", False),
        ("1.1", "Connection: Close, TE", False),
        ("1.1", "Connection: not-close", True),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive", True),
    ],
)
def test_the_connection_goes_on_as_its_sender_wants(world: World, version: str, connection: str, is_kept: bool) -> None:
    with Raw(world.port) as raw:
        raw.send(get("/hello", *([connection] if connection else []), version=version))
        _, headers = raw.head()
        raw.take(12)
        assert headers["connection"] == ("keep-alive" if is_kept else "close")
        if is_kept:
            assert raw.send(get("/hello")).answer()[0] == 200
        else:
            assert raw.ends()


# -- bodies that are late, early, unwanted ----------------------------------------------------------------------------


def test_given_expect_100_when_the_body_is_wanted_then_the_sender_is_told(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(get("/echo", "Content-Length: 2", "Expect: 100-continue", method="POST"))
        assert raw.head()[0] == 100
        raw.send(b"ok")
        assert raw.answer() == (200, b"POST /echo ok")
        assert raw.send(get("/hello")).answer()[0] == 200


def test_given_expect_100_when_the_body_is_not_wanted_then_the_answer_comes_at_once_and_the_connection_ends(
    world: World,
) -> None:
    with Raw(world.port) as raw:
        started_s = time.monotonic()
        raw.send(get("/hello", "Content-Length: 2", "Expect: 100-continue", method="POST"))
        status, headers = raw.head()
        assert (status, headers["connection"]) == (200, "close")
        raw.take(12)
        assert raw.ends()
        assert time.monotonic() - started_s < protocol._DRAIN_S


def test_given_an_unknown_expectation_then_417(world: World) -> None:
    with Raw(world.port) as raw:
        assert raw.send(get("/hello", "Expect: miracles")).answer()[0] == 417


def test_given_a_handler_that_leaves_a_small_body_alone_then_the_connection_goes_on(world: World) -> None:
    with Raw(world.port) as raw:
        whole = post("/hello", b"unread")
        raw.send(whole[:-3])
        raw.send(whole[-3:])
        assert raw.answer() == (200, b"hello /hello")
        assert raw.send(get("/hello")).answer()[0] == 200


def test_given_two_gigabytes_announced_when_they_are_not_wanted_then_the_answer_comes_before_they_do(
    world: World,
) -> None:
    for target, status in (("/echo", 413), ("/hello", 200)):
        with Raw(world.port) as raw:
            raw.send(get(target, f"Content-Length: {2 << 30}", method="POST"), b"x" * 1000)
            assert raw.answer()[0] == status
            assert raw.ends()


def test_given_a_sender_in_the_middle_of_a_large_body_when_it_is_refused_then_it_can_read_why(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(get("/echo", f"Content-Length: {64 << 20}", method="POST"), b"x" * (16 << 20))
        status, content = raw.answer()
        assert (status, json.loads(content)["error"]["code"]) == (413, 413)


def test_given_a_peer_that_sends_no_more_then_it_still_gets_its_answers_and_nothing_stays_open(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(post("/echo", b"1") + get("/hello"))
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.answer() == (200, b"POST /echo 1")
        assert raw.answer() == (200, b"hello /hello")
        assert raw.ends()
    world.eventually_alone()


def test_given_a_body_that_ends_too_early_then_400(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(post("/echo", b"whole")[:-2])
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw.answer()[0] == 400
    world.eventually_alone()


# -- other protocols --------------------------------------------------------------------------------------------------


UPGRADE = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")


def test_given_a_wish_for_another_protocol_then_this_one_goes_on(world: World) -> None:
    with Raw(world.port) as raw:
        raw.send(get("/hello", *UPGRADE) + post("/echo", b"after"))
        assert raw.answer() == (200, b"hello /hello")
        assert raw.answer() == (200, b"POST /echo after")


def test_given_such_a_wish_with_a_body_then_the_body_is_never_taken_for_a_request(world: World) -> None:
    world.seen.clear()
    hidden = get("/hello")
    with Raw(world.port) as raw:
        whole = post("/echo", hidden, *UPGRADE)
        raw.send(whole[:-10])
        raw.send(whole[-10:] + post("/echo", b"after"))
        assert raw.answer() == (200, b"POST /echo " + hidden)
        assert raw.answer() == (200, b"POST /echo after")
        raw.send(get("/echo", "Transfer-Encoding: chunked", *UPGRADE, method="POST"), b"2\r\nhi\r\n0\r\n\r\n")
        assert raw.answer() == (200, b"POST /echo hi")
        raw.send(post("/echo", b"", *UPGRADE) + get("/hello"))
        assert raw.answer() == (200, b"POST /echo ")
        assert raw.answer()[0] == 200
    assert world.seen == [("POST", "/echo")] * 4 + [("GET", "/hello")]


@pytest.mark.parametrize(
    "first", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]
)
def test_given_http_2_or_tls_then_a_refusal_and_the_end(world: World, first: bytes) -> None:
    with Raw(world.port) as raw:
        assert raw.send(first).answer()[0] == 400
        assert raw.ends()
