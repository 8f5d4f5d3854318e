"""Services of a real runtime: processes behind the front door, reached in every way."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from runtime_process import LOCATION, PROJECT, RuntimeProcess

PROGRAM = str(Path(__file__).with_name("service_program.py"))
SERVICES = f"/v2/projects/{PROJECT}/locations/{LOCATION}/services"


def deploy(runtime: RuntimeProcess, service: str, **template: object) -> Any:
    """A service that is ready."""
    container = {"image": "local", "command": [sys.executable], "args": [PROGRAM]}
    body = {"template": {"containers": [container], **template}}
    created = runtime.call("POST", f"{SERVICES}?serviceId={service}", body)
    assert created.status == 200, created.body
    return eventually(
        lambda: runtime.call("GET", f"{SERVICES}/{service}").json,
        lambda found: found.get("terminalCondition", {}).get("state") == "CONDITION_SUCCEEDED",
    )


def eventually(look: Callable[[], Any], is_so: Callable[[Any], bool]) -> Any:
    end = time.monotonic() + 30
    while not is_so(found := look()):
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def own_port(service: Any) -> int:
    return int(service["urls"][-1].removeprefix("http://127.0.0.1:"))


@pytest.fixture(scope="module")
def service(runtime: RuntimeProcess) -> Any:
    return deploy(runtime, "front-real")


def test_given_a_service_then_host_path_and_port_lead_to_it(runtime: RuntimeProcess, service: Any) -> None:
    host = service["uri"].removeprefix("https://")
    by_port = RuntimeProcess(runtime.directory, port=own_port(service))
    answers = [
        runtime.call("GET", "/x?y=1", headers={"Host": host}),
        runtime.call("GET", f"http://{host}/x?y=1"),
        runtime.call("GET", "/x?y=1", headers={"Host": "front-real-1.localhost"}),
        runtime.call("GET", "/hakobune/v1/services/front-real/proxy/x?y=1"),
        by_port.call("GET", "/x?y=1"),
    ]
    for answer in answers:
        assert (answer.status, answer.json["path"], answer.json["K_SERVICE"]) == (200, "/x?y=1", "front-real")
        assert answer.json["headers"]["x-forwarded-proto"] == "https"
    assert [answer.json["headers"]["host"] for answer in answers[:2]] == [host, host]
    assert service["latestReadyRevision"].endswith(f"/{answers[0].json['K_REVISION']}")
    assert runtime.call("GET", "/", headers={"Host": "front-unreal-1.localhost"}).status == 404
    streamed = by_port.call("GET", "/stream")
    assert (streamed.status, streamed.body) == (200, b"012")


def test_given_a_service_then_unmodified_clients_speak_websocket_with_it(runtime: RuntimeProcess, service: Any) -> None:
    urls = [
        f"ws://127.0.0.1:{own_port(service)}/chat",
        f"ws://127.0.0.1:{runtime.port}/hakobune/v1/services/front-real/proxy/chat",
    ]

    async def chat() -> list[str]:
        async with aiohttp.ClientSession() as session:
            found: list[str] = []
            for url in urls:
                async with session.ws_connect(url) as socket:
                    await socket.send_str("hello")
                    found.append(await socket.receive_str(timeout=10))
            return found

    assert anyio.run(chat) == ["you said hello"] * 2


def test_given_a_workflow_then_its_calls_reach_the_service_with_its_token(
    runtime: RuntimeProcess, service: Any
) -> None:
    source = {
        "main": {
            "steps": [
                {
                    "ask": {
                        "call": "http.get",
                        "args": {"url": f"{service['uri']}/from?a=b", "auth": {"type": "OIDC"}},
                        "result": "asked",
                    }
                },
                {
                    "tell": {
                        "call": "http.post",
                        "args": {"url": f"{service['urls'][-1]}/tell", "body": {"a": 1}},
                        "result": "told",
                    }
                },
                {"finish": {"return": ["${asked.body}", "${told.body}"]}},
            ]
        }
    }
    workflows = f"/v1/projects/{PROJECT}/locations/{LOCATION}/workflows"
    created = runtime.call("POST", f"{workflows}?workflowId=front-calls", {"sourceContents": json.dumps(source)})
    assert created.status == 200, created.body
    eventually(lambda: runtime.call("GET", f"{workflows}/front-calls").status, lambda status: status == 200)
    name = runtime.call("POST", f"{workflows}/front-calls/executions", {}).json["name"]
    ended = eventually(lambda: runtime.call("GET", f"/v1/{name}").json, lambda found: found["state"] != "ACTIVE")
    assert ended["state"] == "SUCCEEDED", ended
    asked, told = json.loads(ended["result"])
    assert (asked["path"], told) == ("/from?a=b", {"a": 1})
    assert asked["headers"]["authorization"].startswith("Bearer ")
    assert asked["headers"]["host"] == service["uri"].removeprefix("https://")


def test_given_a_token_for_another_service_then_401(runtime: RuntimeProcess, service: Any) -> None:
    def token(audience: str) -> str:
        path = f"/computeMetadata/v1/instance/service-accounts/default/identity?audience={audience}"
        return runtime.call("GET", path, headers={"Metadata-Flavor": "Google"}).body.decode()

    host = "front-real-1.localhost"
    for audience, status in ((service["uri"], 200), ("https://other-1.run.app", 401)):
        headers = {"Host": host, "Authorization": f"Bearer {token(audience)}"}
        assert runtime.call("GET", "/", headers=headers).status == status
    assert runtime.call("GET", "/", headers={"Host": host, "Authorization": "Bearer forged"}).status == 401


def test_given_an_instance_that_dies_in_a_request_then_503_and_the_next_one_is_served(
    runtime: RuntimeProcess, service: Any
) -> None:
    headers = {"Host": "front-real-1.localhost"}
    died = runtime.call("GET", "/die", headers=headers)
    assert (died.status, b"connection to the instance had an error" in died.body) == (503, True)
    assert runtime.call("GET", "/after", headers=headers).status == 200


def test_given_a_kill_of_the_runtime_then_the_service_has_its_port_again(own_runtime: RuntimeProcess) -> None:
    own_runtime.start()
    port = own_port(deploy(own_runtime, "kept"))
    by_port = RuntimeProcess(own_runtime.directory, port=port)
    assert by_port.call("GET", "/").status == 200
    own_runtime.kill()
    own_runtime.start()
    assert by_port.call("GET", "/x").json["K_SERVICE"] == "kept"
    assert own_runtime.call("DELETE", f"{SERVICES}/kept").status == 200
    eventually(lambda: own_runtime.call("GET", "/", headers={"Host": "kept-1.localhost"}).status, lambda it: it == 404)
    with pytest.raises(ConnectionRefusedError):
        by_port.call("GET", "/")
