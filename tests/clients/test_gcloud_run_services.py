"""Services and worker pools by the real gcloud, where it is installed, and by our own command in its place."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from gcloud_process import GCLOUD, run_gcloud
from runtime_process import HAKOBUNE

REGION = "asia-northeast1"
COLOURS = re.compile("\x1b\\[[0-9;]*m")
LISTENS = """import os, socket, time
held = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    time.sleep(9)
"""

pytestmark = pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed: its commands cannot be tried here")


@pytest.fixture(scope="module")
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "CLOUDSDK_RUN_REGION": REGION}


class Tool:
    """One of the two commands. `name` makes names of its own."""

    def __init__(self, program: str, environ: dict[str, str]) -> None:
        self._program = program
        self._environ = environ

    def name(self, what: str) -> str:
        return f"{what}-{Path(self._program).name}"

    def __call__(self, *words: str, code: int = 0) -> str:
        """What is printed on both streams, without colours."""
        if self._program == GCLOUD:
            done = run_gcloud(list(words), self._environ)
        else:
            done = subprocess.run(
                [self._program, *words],
                env=self._environ,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=100,
            )
        printed = COLOURS.sub("", done.stdout + done.stderr)
        assert done.returncode == code, printed
        return printed


@pytest.fixture(params=["gcloud", "hakobune"])
def tool(request: pytest.FixtureRequest, environ: dict[str, str]) -> Tool:
    return Tool(GCLOUD or "" if request.param == "gcloud" else HAKOBUNE, environ)


@pytest.fixture
def listens(tmp_path: Path) -> list[str]:
    """The flags of a program that listens."""
    path = tmp_path / "listens.py"
    path.write_text(LISTENS)
    return ["--image", "local", "--command", f"python3,-I,-S,{path}"]


def test_a_service_is_deployed_shown_and_deleted(tool: Tool, listens: list[str]) -> None:
    name = tool.name("api")
    printed = tool("run", "deploy", name, *listens, "--allow-unauthenticated", "--concurrency", "7")
    assert f"Deploying container to Cloud Run service [{name}] in project" in printed
    assert "Deploying new service..." in printed
    for stage in ("Setting IAM Policy", "Creating Revision", "Routing traffic"):
        assert re.search(rf"{stage}\.+done", printed)
    assert re.search(
        rf"Service \[{name}\] revision \[{name}-00001-\w+\] has been deployed and is serving 100 percent of traffic\.\n"
        rf"Service URL: https://{name}-\d+\.{REGION}\.run\.app",
        printed,
    )
    binding = ("--member=user:me@example.com", "--role=roles/run.invoker")
    assert "Updated IAM policy" in tool("run", "services", "add-iam-policy-binding", name, *binding)
    held = tool("run", "services", "get-iam-policy", name)
    assert ("allUsers" in held, "me@example.com" in held) == (True, True)
    tool("run", "services", "remove-iam-policy-binding", name, *binding)
    page = tool("run", "services", "describe", name)
    assert re.search(r"100% +LATEST \(currently ", page)
    assert re.search(r"Concurrency: +7\n", page)
    assert re.search(rf"✔ +{name} +{REGION} +https://{name}-", tool("run", "services", "list"))
    assert tool("run", "services", "describe", name, "--format=value(status.url)").startswith(f"https://{name}-")
    assert f"Deleted service [{name}]." in tool("run", "services", "delete", name, "--quiet")
    tool("run", "services", "describe", name, code=1)


def test_a_deploy_without_traffic_has_a_tag_and_update_traffic_leads_to_it(tool: Tool, listens: list[str]) -> None:
    name = tool.name("split")
    tool("run", "deploy", name, *listens)
    printed = tool("run", "deploy", name, *listens, "--no-traffic", "--tag", "blue")
    assert "is serving 0 percent of traffic." in printed
    assert f"The revision can be reached directly at https://blue---{name}-" in printed
    newest, oldest = tool("run", "revisions", "list", "--service", name, "--format=value(metadata.name)").split()
    assert (newest[: len(name) + 6], oldest[: len(name) + 6]) == (f"{name}-00002", f"{name}-00001")
    printed = tool("run", "services", "update-traffic", name, f"--to-revisions={newest}=30")
    assert re.search(rf"30% +{newest}\n", printed)
    assert re.search(rf"70% +{oldest}\n", printed)
    assert "actively serving" in tool("run", "revisions", "delete", oldest, "--quiet", code=1)
    assert "Revision" in tool("run", "revisions", "describe", newest)
    tool("run", "services", "delete", name, "--quiet")


def test_a_service_is_exported_and_replaced(tool: Tool, listens: list[str], tmp_path: Path) -> None:
    name = tool.name("file")
    tool("run", "deploy", name, *listens, "--set-env-vars", "A=1,B=2", "--min", "0", "--timeout", "30")
    exported = tool("run", "services", "describe", name, "--format", "export")
    assert "timeoutSeconds: 30" in exported
    path = tmp_path / "service.yaml"
    path.write_text(exported.replace("value: '2'", "value: '3'"))
    printed = tool("run", "services", "replace", str(path))
    assert f"New configuration has been applied to service [{name}]." in printed
    variables = "--format=value(spec.template.spec.containers[0].env[].value)"
    assert tool("run", "services", "describe", name, variables).split() == ["1;3"]
    tool("run", "services", "delete", name, "--quiet")


def test_a_service_that_never_listens_fails_the_deploy(tool: Tool) -> None:
    name = tool.name("bad")
    printed = tool("run", "deploy", name, "--image", "local", "--command", "/bin/false", code=1)
    assert re.search(r"Creating Revision\.+failed", printed)
    assert "Deployment failed" in printed
    assert "is not ready and cannot serve traffic" in printed
    assert re.search(rf"X +{name} +{REGION}", tool("run", "services", "list"))
    tool("run", "services", "delete", name, "--quiet")


def test_a_worker_pool_is_deployed_split_and_deleted(tool: Tool) -> None:
    name = tool.name("pool")
    words = ("beta", "run", "worker-pools")
    program = ("--image", "local", "--command", "/bin/sleep,1000")
    printed = tool(*words, "deploy", name, *program, "--scaling", "0")
    assert re.search(rf"Worker pool \[{name}\] revision \[{name}-00001-\w+\] has been deployed\.", printed)
    assert "Scaling: Manual (Instances: 0)" in tool(*words, "describe", name)
    assert re.search(rf"✔ +{name} +{REGION}", tool(*words, "list"))
    assert name in tool(*words, "revisions", "list", "--worker-pool", name)
    assert "100% LATEST" in tool(*words, "update-instance-split", name, "--to-latest")
    assert "Deleted" in tool(*words, "delete", name, "--quiet")
    tool(*words, "describe", name, code=1)
