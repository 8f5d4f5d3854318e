"""Which service a request reaches: by host, by path, by port; and who may call it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from service_world import HELLO, LOCATION, PROJECT, ServiceWorld, Told, a_resident, get, service_world

from hakobune.core.services.names import Kind, ResidentName
from hakobune.runtime.settings import Auth
from hakobune.servers.http.messages import Request, Response

pytestmark = pytest.mark.anyio
OTHER = ResidentName(kind=Kind.SERVICE, project=PROJECT, location=LOCATION, id="hello-other")
URL = "https://hello-1.us-central1.run.app"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def saying(word: bytes):
    async def say(told: Told) -> None:
        while True:
            line, headers, _ = await told.request()
            shown = {name: headers.get(name) for name in ("host", "x-forwarded-prefix", "authorization")}
            shown["own"] = headers.get("x-serverless-authorization")
            await told.answer(word + b" " + line.encode() + b"\n" + json.dumps(shown).encode())

    return say


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[ServiceWorld]:
    async with service_world(tmp_path) as found:
        await filled(found)
        yield found


async def filled(world: ServiceWorld) -> None:
    world.fleet.serve(await world.instance(saying(b"hello")))
    world.fleet.serve(await world.instance(saying(b"other")), name=OTHER, uid="rev-2")
    world.fleet.serve(await world.instance(saying(b"blue")), tag="blue", uid="rev-3")


@pytest.mark.parametrize(
    ("target", "host", "answer"),
    [
        ("/x?y=1", "hello-abc-uc.a.run.app", "hello GET /x?y=1"),
        ("/x", "hello-123.us-central1.run.app", "hello GET /x"),
        ("/x", "blue---hello-123.us-central1.run.app", "blue GET /x"),
        ("/x", "hello-other-123.us-central1.run.app", "other GET /x"),
        ("/x", "hello-1.localhost:8642", "hello GET /x"),
        ("/x", "hello.localhost:8642", "hello GET /x"),
        ("http://hello-1.us-central1.run.app/x", "evil.example", "hello GET /x"),
        ("https://hello-1.us-central1.run.app", "evil.example", "hello GET /"),
        ("/hakobune/v1/services/hello/proxy/a%2Fb/..?c", "127.0.0.1:8642", "hello GET /a%2Fb/..?c"),
        ("/hakobune/v1/services/blue---hello/proxy", "127.0.0.1:8642", "blue GET /"),
        ("/hakobune/v1/services/hello/proxy//evil.example/", "127.0.0.1:8642", "hello GET //evil.example/"),
    ],
)
async def test_given_an_address_in_any_form_then_its_service_answers(
    world: ServiceWorld, target: str, host: str, answer: str
) -> None:
    status, _, content = await world.asked(get(target, host=host))
    assert (status, content.decode().split("\n")[0]) == (200, f"{answer} HTTP/1.1")


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("/", "gone-1.us-central1.run.app"),
        ("/", "gone-1.localhost"),
        ("/", "red---hello-1.localhost"),
        ("/", "hellox-1.localhost"),
        ("/hakobune/v1/services/gone/proxy/", "127.0.0.1"),
        ("/hakobune/v1/services/hello/other", "127.0.0.1"),
        ("/hakobune/v1/services//proxy/", "127.0.0.1"),
    ],
)
async def test_given_an_unknown_service_or_tag_then_404_says_so(world: ServiceWorld, target: str, host: str) -> None:
    status, headers, content = await world.asked(get(target, host=host))
    assert (status, headers["content-type"]) == (404, "text/html; charset=UTF-8")
    assert b"The requested URL was not found on this server." in content


async def test_given_a_name_with_three_dashes_then_it_is_no_tag(world: ServiceWorld) -> None:
    name = ResidentName(kind=Kind.SERVICE, project=PROJECT, location=LOCATION, id="a---b")
    world.fleet.serve(await world.instance(saying(b"dashes")), name=name, uid="rev-9")
    assert (await world.asked(get(host="a---b-1.localhost")))[2].startswith(b"dashes")


async def test_given_a_page_with_markup_in_its_path_then_it_is_escaped(world: ServiceWorld) -> None:
    _, _, content = await world.asked(get(host="gone-1.localhost", target="/"))
    assert b"<script" not in content
    request = Request(
        method="GET", target="/", path="/<script>", peer="127.0.0.1", headers={"authorization": "Bearer x"}
    )
    response: Response = await world.proxy._answer(request, HELLO, "", "/", "")
    assert response.status == 401
    assert b"&lt;script&gt;" in response.content


async def test_given_the_port_of_a_service_then_it_answers_under_any_host(world: ServiceWorld) -> None:
    port = await world.doors.open(HELLO, 0)
    for host in (f"127.0.0.1:{port}", "whatever.example", "gone-1.run.app"):
        client = await world.client(port)
        await client.send(get("/computeMetadata/v1/", host=host))
        status, _, content = await client.answer()
        assert (status, json.loads(content.split(b"\n")[1])["host"]) == (200, host)
        assert content.startswith(b"hello GET /computeMetadata/v1/ ")
    assert world.doors.at(f"http://127.0.0.1:{port}/x") == HELLO
    assert world.doors.at(f"http://elsewhere.example:{port}/x") is None
    await world.doors.close(HELLO)
    await world.doors.close(HELLO)
    with pytest.raises(ConnectionRefusedError):
        await world.client(port)
    assert world.doors.at(f"http://127.0.0.1:{port}/x") is None
    assert await world.doors.open(HELLO, port) == port  # bound again, as at the next start


async def test_given_a_service_that_is_deleted_while_its_port_is_open_then_404(world: ServiceWorld) -> None:
    port = await world.doors.open(HELLO, 0)
    del world.fleet.residents[HELLO]
    client = await world.client(port)
    await client.send(get())
    assert (await client.answer())[0] == 404


async def test_given_a_path_then_the_service_learns_what_was_in_front_of_it(world: ServiceWorld) -> None:
    _, _, content = await world.asked(get("/hakobune/v1/services/hello/proxy/x", host="127.0.0.1:1"))
    shown = json.loads(content.split(b"\n")[1])
    assert (shown["host"], shown["x-forwarded-prefix"]) == ("127.0.0.1:1", "/hakobune/v1/services/hello/proxy")


@pytest.mark.parametrize("ingress", ["INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"])
async def test_given_a_service_for_inside_only_then_others_get_404_and_the_house_is_served(
    world: ServiceWorld, ingress: str
) -> None:
    world.fleet.residents[HELLO] = a_resident(ingress=ingress)
    assert (await world.asked(get()))[0] == 404
    inside = Request(method="GET", target=f"{URL}/x")
    response = await world.handle(inside)
    assert (response.status, response.content.split(b"\n")[0]) == (200, b"hello GET /x HTTP/1.1")
    of_an_attempt = Request(method="GET", target=f"{URL}/x", slot=3, peer="127.0.0.1")
    assert (await world.handle(of_an_attempt)).status == 200


async def test_given_a_service_without_its_default_address_then_only_port_and_path_lead_to_it(
    world: ServiceWorld,
) -> None:
    world.fleet.residents[HELLO] = a_resident(default_uri_disabled=True)
    assert (await world.asked(get()))[0] == 404
    assert (await world.asked(get("/hakobune/v1/services/hello/proxy/", host="127.0.0.1")))[0] == 200


async def test_given_no_revision_that_is_ready_then_503_says_so(world: ServiceWorld) -> None:
    world.fleet.routes.clear()
    status, _, content = await world.asked(get())
    assert (status, b"no revision that is ready" in content) == (503, True)


# -- callers --------------------------------------------------------------------------------------------------------


async def token(world: ServiceWorld, audience: str, account: str = "robot@p1.iam.gserviceaccount.com") -> str:
    return await world.credentials.id_token(account, audience)


def public(world: ServiceWorld) -> None:
    world.policies[str(HELLO)] = json.dumps({"bindings": [{"role": "roles/run.invoker", "members": ["allUsers"]}]})


async def test_given_a_good_token_then_the_service_sees_who_calls_and_nothing_that_opens_other_doors(
    world: ServiceWorld,
) -> None:
    text = await token(world, URL)
    _, _, content = await world.asked(get("/", f"Authorization: Bearer {text}"))
    assert json.loads(content.split(b"\n")[1])["authorization"] == f"Bearer {text}"  # nobody has said who may call
    world.policies[str(HELLO)] = "{}"
    status, _, content = await world.asked(get("/", f"Authorization: Bearer {text}"))
    shown = json.loads(content.split(b"\n")[1])["authorization"]
    assert (status, shown) == (200, f"Bearer {text.rpartition('.')[0]}.SIGNATURE_REMOVED_BY_GOOGLE")


async def test_given_a_token_in_the_header_of_the_platform_then_authorization_is_the_services_own(
    world: ServiceWorld,
) -> None:
    text = await token(world, URL)
    world.policies[str(HELLO)] = "{}"
    headers = (f"X-Serverless-Authorization: bearer {text}", "Authorization: Bearer of-the-app")
    status, _, content = await world.asked(get("/", *headers))
    shown = json.loads(content.split(b"\n")[1])
    assert (status, shown["authorization"]) == (200, "Bearer of-the-app")
    assert shown["own"].endswith(".SIGNATURE_REMOVED_BY_GOOGLE")


@pytest.mark.parametrize(
    "audience",
    [
        "https://hello-1.us-central1.run.app",
        "https://hello-1.us-central1.run.app/path?x=1",
        "https://blue---hello-abc-uc.a.run.app",
        "http://hello-1.localhost:8642/",
        "http://127.0.0.1:4711/push",
        "http://127.0.0.1:8642/hakobune/v1/services/hello/proxy/x",
        "my-own",
    ],
)
async def test_given_a_token_for_any_address_of_the_service_then_it_is_good(world: ServiceWorld, audience: str) -> None:
    world.fleet.residents[HELLO] = a_resident(port=4711, custom_audiences=("my-own",))
    assert (await world.asked(get("/", f"Authorization: Bearer {await token(world, audience)}")))[0] == 200


@pytest.mark.parametrize(
    "audience",
    [
        "https://hello-other-1.us-central1.run.app",
        "https://gone-1.run.app",
        "https://evil.example/hello-1.run.app",
        "http://127.0.0.1:4712/",
        "http://127.0.0.1:8642/hakobune/v1/services/hello-other/proxy/x",
        "http://127.0.0.1:8642/",
        "my-own",
        "",
    ],
)
async def test_given_a_token_for_somebody_else_then_401(world: ServiceWorld, audience: str) -> None:
    world.fleet.residents[HELLO] = a_resident(port=4711)
    status, headers, content = await world.asked(get("/", f"Authorization: Bearer {await token(world, audience)}"))
    assert (status, "invalid_token" in headers["www-authenticate"]) == (401, True)
    assert b"Your client does not have permission" in content


async def test_given_a_token_that_is_forged_or_opens_apis_then_401(world: ServiceWorld) -> None:
    good = await token(world, URL)
    access = await world.credentials.access_token("robot@p1.iam.gserviceaccount.com")
    for text in (f"{good[:-8]}AAAAAAAA", "opaque", access, good.rpartition(".")[0] + "."):
        assert (await world.asked(get("/", f"Authorization: Bearer {text}")))[0] == 401


async def test_given_a_token_that_has_expired_then_401(world: ServiceWorld) -> None:
    expired = (await world.credentials._issue({"aud": URL}, "robot@p1.example", -7200)).text
    assert (await world.asked(get("/", f"Authorization: Bearer {expired}")))[0] == 401


@pytest.mark.parametrize("how", ["policy", "switch"])
async def test_given_a_service_for_everybody_then_its_authorization_is_its_own(world: ServiceWorld, how: str) -> None:
    if how == "policy":
        public(world)
    else:
        world.fleet.residents[HELLO] = a_resident(invoker_iam_disabled=True)
    status, _, content = await world.asked(get("/", "Authorization: Bearer of-the-app"))
    assert (status, json.loads(content.split(b"\n")[1])["authorization"]) == (200, "Bearer of-the-app")


async def test_given_another_scheme_or_no_token_then_the_request_is_served_by_default(world: ServiceWorld) -> None:
    for header in ("X: y", "Authorization: Basic eDp5", "Authorization: Bearer "):
        assert (await world.asked(get("/", header)))[0] == 200


async def test_given_tokens_are_asked_for_then_only_services_for_everybody_go_without(tmp_path: Path) -> None:
    async with service_world(tmp_path, auth=Auth.TOKEN) as world:
        await filled(world)
        status, _, content = await world.asked(get())
        assert (status, b"asks for an ID token" in content) == (401, True)
        assert (await world.asked(get("/", f"Authorization: Bearer {await token(world, URL)}")))[0] == 200
        for policy in ("{}", '{"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}, 7, {"members": 3}]}'):
            world.policies[str(HELLO)] = policy
            assert (await world.asked(get()))[0] == 401
        public(world)
        assert (await world.asked(get()))[0] == 200


async def test_given_policies_are_enforced_then_who_is_no_invoker_gets_403(tmp_path: Path) -> None:
    async with service_world(tmp_path, auth=Auth.TOKEN, is_iam_enforced=True) as world:
        await filled(world)
        bearer = f"Authorization: Bearer {await token(world, URL)}"
        status, _, content = await world.asked(get("/", bearer))
        assert (status, b"does not have permission to get URL" in content) == (403, True)
        member = "serviceAccount:robot@p1.iam.gserviceaccount.com"
        world.policies[str(HELLO)] = json.dumps({"bindings": [{"role": "roles/run.invoker", "members": [member]}]})
        assert (await world.asked(get("/", bearer)))[0] == 200


async def test_what_the_house_knows_of_urls(world: ServiceWorld) -> None:
    port = await world.doors.open(HELLO, 0)
    world.proxy.doors = world.doors
    known = [f"{URL}/x", "https://hello-other-1.run.app/", f"http://127.0.0.1:{port}/x", f"http://localhost:{port}"]
    assert [world.proxy.knows(url) for url in known] == [True] * 4
    unknown = ["https://gone-1.run.app/", "http://127.0.0.1:1/", "https://example.com", "x", "http://hello.example:1"]
    unknown += ["http://hello-1.localhost:3000/"]  # on a port of somebody else's
    assert [world.proxy.knows(url) for url in unknown] == [False] * 6


async def test_given_a_call_from_inside_to_a_port_then_the_service_sees_host_and_port(world: ServiceWorld) -> None:
    request = Request(method="GET", target="http://127.0.0.1:4711/x?y", service=str(HELLO))
    response = await world.handle(replace(request))
    line, _, shown = response.content.partition(b"\n")
    assert (line, json.loads(shown)["host"]) == (b"hello GET /x?y HTTP/1.1", "127.0.0.1:4711")


async def test_given_requests_then_the_log_has_one_entry_each(world: ServiceWorld) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(world.log.run)
        await world.asked(get("/x", "User-Agent: test"))
        world.fleet.ready["rev-1"] = []
        world.fleet.failures["rev-1"] = "exit code 1"
        assert (await world.asked(get("/y")))[0] == 503
        await world.eventually(lambda: len(world.entries.kept) == 2)
        group.cancel_scope.cancel()
    first, second = world.entries.kept
    request = first.http_request
    assert (request["requestMethod"], request["requestUrl"], request["status"]) == (
        "GET",
        "http://hello-1.localhost/x",
        200,
    )
    assert (request["userAgent"], request["remoteIp"]) == ("test", "127.0.0.1")
    assert first.resource.labels["revision_name"] == "hello-00001-abc"
    assert first.labels == {"instanceId": "rev-1.0.0"}
    assert first.log_name == "projects/p1/logs/run.googleapis.com%2Frequests"
    assert (first.severity, second.severity) == ("INFO", "ERROR")
    assert second.http_request["status"] == 503


async def test_given_very_many_requests_then_some_have_an_entry_and_the_log_says_how_many_have_none(
    world: ServiceWorld,
) -> None:
    client = await world.client()
    for _ in range(200):
        await client.send(get("/x"))
        await client.answer()
    async with anyio.create_task_group() as group:
        group.start_soon(world.log.run)
        await world.eventually(lambda: len(world.entries.kept) == 126)
        group.cancel_scope.cancel()
    assert world.entries.kept[-1].text_payload.startswith("75 more requests")
