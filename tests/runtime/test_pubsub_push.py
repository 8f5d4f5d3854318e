"""Push delivery: what is sent, what acknowledges, when it is sent again, how many at once."""

from __future__ import annotations

import json
from base64 import b64decode
from itertools import pairwise

import anyio
import pytest
from pubsub_world import ENDPOINT, SUB, World, answered

from hakobune.core.pubsub.limits import PUSHED_AT_ONCE
from hakobune.core.pubsub.model import OidcToken, PushConfig, RetryPolicy
from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Trouble
from hakobune.runtime.pubsub_push import plain_endpoint

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend(virtual_backend: tuple[str, dict[str, object]]) -> tuple[str, dict[str, object]]:
    return virtual_backend


def text_of(request: HttpRequest) -> str:
    assert request.body is not None
    return b64decode(json.loads(request.body)["message"]["data"]).decode()


@pytest.mark.parametrize("code", [102, 200, 201, 202, 204])
async def test_given_an_answer_that_acknowledges_when_pushed_then_the_message_is_gone(code: int) -> None:
    world = World()
    world.endpoint.reply = lambda request: answered(code)
    async with world.up():
        await world.make_push()
        await world.publish("a")
        await anyio.sleep(100)
        assert len(world.endpoint.requests) == 1
        request = world.endpoint.requests[0][1]
        assert (request.method, request.url, text_of(request)) == ("POST", ENDPOINT, "a")
        assert world.rows("deliveries") == 0


def test_given_an_endpoint_with_secrets_when_a_log_names_it_then_they_are_left_out() -> None:
    assert plain_endpoint("https://a:b@x.example:1/p/q?token=secret#c") == "https://x.example:1/p/q"
    assert plain_endpoint("https://x.example/p") == "https://x.example/p"
    assert len(plain_endpoint("https://x.example/" + "p" * 1_000)) == 200


FAILURES: list[HttpResponse | NoResponse] = [
    *[answered(code) for code in (203, 301, 400, 404, 429, 500, 503)],
    NoResponse(trouble=Trouble.CONNECTION_FAILED, detail="no connection"),
    NoResponse(trouble=Trouble.INVALID, detail="a host that is refused"),
]


@pytest.mark.parametrize("failure", FAILURES)
async def test_given_any_other_answer_when_pushed_then_it_is_sent_again_after_100_ms_200_ms_and_so_on(
    failure: HttpResponse | NoResponse,
) -> None:
    world = World()
    world.endpoint.reply = lambda request: failure if len(world.endpoint.requests) < 5 else answered(204)
    async with world.up():
        await world.make_push()
        await world.publish("a")
        await anyio.sleep(100)
        instants = [at_s for at_s, _ in world.endpoint.requests]
        waits = [later - sooner for sooner, later in pairwise(instants)]
        assert waits == [pytest.approx(wait_s, abs=0.02) for wait_s in (0.1, 0.2, 0.4, 0.8)]


async def test_given_a_retry_policy_when_pushes_fail_then_its_waits_count() -> None:
    world = World()
    world.endpoint.reply = lambda request: answered(500)
    async with world.up():
        await world.make_push(retry=RetryPolicy(minimum_backoff_s=10, maximum_backoff_s=25))
        await world.publish("a")
        await anyio.sleep(81)
        instants = [at_s for at_s, _ in world.endpoint.requests]
        waits = [later - sooner for sooner, later in pairwise(instants)]
        assert waits == [pytest.approx(wait_s, abs=0.05) for wait_s in (10, 20, 25, 25)]


async def test_given_no_answer_within_the_deadline_when_pushed_then_it_is_a_failure() -> None:
    world = World()
    world.endpoint.reply = lambda request: 1_000.0 if len(world.endpoint.requests) == 1 else answered(200)
    async with world.up():
        await world.make_push(ack_deadline_s=15)
        await world.publish("a")
        await anyio.sleep(100)
        instants = [at_s for at_s, _ in world.endpoint.requests]
        assert len(instants) == 2
        assert instants[1] - instants[0] == pytest.approx(15.1, abs=0.05)


async def test_given_many_messages_when_pushed_then_the_window_grows_up_to_its_bound() -> None:
    world = World()
    world.endpoint.reply = lambda request: 0.5
    async with world.up():
        await world.make_push()
        await world.publish(*["x"] * 1_000)
        await anyio.sleep(0.6)
        assert world.endpoint.most_under_way <= 2
        await anyio.sleep(60)
        assert world.endpoint.most_under_way == PUSHED_AT_ONCE
        assert len(world.endpoint.requests) == 1_000
        assert world.rows("deliveries") == 0


async def test_given_keys_when_pushed_then_each_key_keeps_its_order_also_through_failures() -> None:
    world = World()
    world.endpoint.reply = lambda request: answered(500) if len(world.endpoint.requests) % 3 == 0 else 0.05
    async with world.up():
        await world.make_push(enable_message_ordering=True)
        for number in range(30):
            await world.publish(f"a{number}", key="a")
            await world.publish(f"b{number}", key="b")
        await anyio.sleep(500)
        for key in "ab":
            seen = list(
                dict.fromkeys(text for _, request in world.endpoint.requests if (text := text_of(request))[0] == key)
            )
            assert seen == [f"{key}{number}" for number in range(30)]
        assert world.rows("deliveries") == 0


async def test_given_a_token_when_pushed_then_it_is_for_the_endpoint_unless_an_audience_is_given() -> None:
    for audience in ("", "my-audience"):
        world = World()
        async with world.up():
            await world.make_push(oidc_token=OidcToken(service_account_email="a@b.example", audience=audience))
            await world.publish("a")
            await anyio.sleep(1)
            assert world.endpoint.tokens == [("a@b.example", audience or ENDPOINT)]
            assert ("Authorization", "Bearer token-text") in world.endpoint.requests[0][1].headers


@pytest.mark.parametrize(
    ("endpoint", "is_sent"),
    [
        ("http://push.example/", False),
        ("http://127.0.0.1:9/", True),
        ("http://allowed.example/", True),
        (ENDPOINT, True),
    ],
)
async def test_given_a_token_when_the_endpoint_is_plain_http_elsewhere_then_nothing_is_sent(
    endpoint: str, is_sent: bool
) -> None:
    world = World()
    async with world.up():
        await world.make_push(endpoint, oidc_token=OidcToken(service_account_email="a@b.example"))
        await world.publish("a")
        await anyio.sleep(1)
        assert bool(world.endpoint.requests) == is_sent


async def test_given_no_token_to_be_had_when_pushed_then_it_is_tried_again() -> None:
    world = World()
    world.endpoint.has_no_token = True
    async with world.up():
        await world.make_push(oidc_token=OidcToken(service_account_email="a@b.example"))
        await world.publish("a")
        await anyio.sleep(1)
        assert world.endpoint.requests == []
        world.endpoint.has_no_token = False
        await anyio.sleep(60)
        assert len(world.endpoint.requests) == 1


async def test_given_an_unwrapped_push_then_the_body_is_the_data() -> None:
    world = World()
    async with world.up():
        await world.make_push(is_wrapped=False, write_metadata=True)
        await world.publish("raw", kind="a")
        await anyio.sleep(1)
        request = world.endpoint.requests[0][1]
        assert request.body == b"raw"
        assert ("kind", "a") in request.headers


async def test_given_a_runtime_that_dies_while_it_pushes_when_the_next_starts_then_it_is_pushed_at_once() -> None:
    world = World()
    world.endpoint.reply = lambda request: 1_000.0
    async with world.up():
        await world.make_push(ack_deadline_s=600)
        await world.publish("a")
        await anyio.sleep(1)
    world.endpoint.reply = lambda request: answered(204)
    async with world.up():
        await anyio.sleep(1)
        assert len(world.endpoint.requests) == 2
        assert world.rows("deliveries") == 0


async def test_given_a_push_config_that_changes_when_messages_come_then_they_go_to_the_new_place() -> None:
    world = World()
    async with world.up():
        await world.make_push()
        await world.publish("a")
        await anyio.sleep(1)
        await world.room.subscriptions.modify_push_config(SUB, PushConfig(endpoint="https://new.example/"))
        await world.publish("b")
        await anyio.sleep(1)
        await world.room.subscriptions.modify_push_config(SUB, None)
        await world.publish("c")
        await anyio.sleep(1)
        assert [request.url for _, request in world.endpoint.requests] == [ENDPOINT, "https://new.example/"]
        assert len(await world.pull()) == 1


async def test_given_a_push_subscription_that_goes_then_its_loop_ends_and_others_go_on() -> None:
    world = World()
    world.endpoint.reply = lambda request: answered(500)
    async with world.up():
        await world.make_push()
        await world.publish("a")
        await anyio.sleep(1)
        await world.room.subscriptions.delete(SUB)
        count = len(world.endpoint.requests)
        await anyio.sleep(100)
        assert len(world.endpoint.requests) == count
