"""The metadata server: its paths, their forms, and what it refuses."""

from __future__ import annotations

import json

import pytest
from google.auth import jwt

from runtime_process import PROJECT, Answer, RuntimeProcess

FLAVOR = {"Metadata-Flavor": "Google"}
EMAIL = f"developer@{PROJECT}.iam.gserviceaccount.com"
ACCOUNT = "instance/service-accounts/default/"


def get(runtime: RuntimeProcess, path: str, **headers: str) -> Answer:
    answer = runtime.call("GET", f"/computeMetadata/v1/{path}", headers={**FLAVOR, **headers})
    assert answer.headers["metadata-flavor"] == "Google"
    assert answer.headers["server"] == "Metadata Server for VM"
    return answer


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("", "instance/\nproject/\nuniverse/\n"),
        ("project/project-id", PROJECT),
        ("project/", "numeric-project-id\nproject-id\n"),
        ("universe/universe-domain", "googleapis.com"),
        ("universe/universe_domain", "googleapis.com"),
        ("instance/service-accounts/", f"default/\n{EMAIL}/\n"),
        (ACCOUNT, "aliases\nemail\nidentity\nscopes\ntoken\n"),
        (ACCOUNT + "email", EMAIL),
        (f"instance/service-accounts/{EMAIL}/email", EMAIL),
        (ACCOUNT + "aliases", "default\n"),
        (ACCOUNT + "scopes", "https://www.googleapis.com/auth/cloud-platform\n"),
        (ACCOUNT + "email?alt=json", f'"{EMAIL}"'),
        ("project/?recursive=true&alt=text", None),
    ],
)
def test_given_a_path_then_its_text_is_answered(runtime: RuntimeProcess, path: str, text: str | None) -> None:
    answer = get(runtime, path)
    assert answer.status == 200
    if text is not None:
        assert answer.body.decode() == text
    else:
        number = get(runtime, "project/numeric-project-id").body.decode()
        assert answer.body.decode() == f"numeric-project-id {number}\nproject-id {PROJECT}\n"


def test_given_recursive_then_a_directory_is_json(runtime: RuntimeProcess) -> None:
    account = get(runtime, ACCOUNT + "?recursive=true")
    assert account.headers["content-type"].startswith("application/json")
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    assert account.json == {"aliases": ["default"], "email": EMAIL, "scopes": scopes}
    whole = get(runtime, "?recursive=true").json
    number = whole["project"]["numericProjectId"]
    assert number.isdigit()
    assert whole["instance"]["zone"].startswith(f"projects/{number}/zones/")
    assert whole["instance"]["serviceAccounts"][EMAIL] == account.json
    assert whole["universe"] == {"universeDomain": "googleapis.com"}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("nothing", {}, 404),
        ("instance/service-accounts/other@x.y/token", {}, 404),
        ("instance/service-accounts/other@x.y/email", {}, 404),
        (ACCOUNT + "email/more", {}, 404),
        (ACCOUNT + "identity", {}, 400),
        (ACCOUNT + "identity?audience=", {}, 400),
        (ACCOUNT + "identity?audience=x&format=long", {}, 400),
        ("project/project-id?alt=xml", {}, 400),
        ("project/project-id?wait_for_change=true", {}, 501),
        ("project/project-id", {"X-Forwarded-For": "10.0.0.1"}, 403),
        ("project/project-id", {"Metadata-Flavor": "google"}, 403),
    ],
)
def test_given_what_the_server_does_not_do_then_it_is_refused(
    runtime: RuntimeProcess, path: str, headers: dict[str, str], status: int
) -> None:
    answer = get(runtime, path, **headers)
    assert answer.status == status, answer.body
    assert "error" in json.loads(answer.body)


def test_given_no_header_then_nothing_is_told(runtime: RuntimeProcess) -> None:
    answer = runtime.call("GET", "/computeMetadata/v1/project/project-id")
    assert (answer.status, answer.headers["metadata-flavor"]) == (403, "Google")
    assert runtime.call("GET", "/").headers["metadata-flavor"] == "Google"
    assert runtime.call("GET", "/computeMetadata/v1beta1/project/project-id", headers=FLAVOR).status == 404


def test_given_scopes_then_the_token_has_them_and_is_the_same_for_a_while(runtime: RuntimeProcess) -> None:
    path = ACCOUNT + "token?scopes=https://a.example/one,https://a.example/two"
    first, second = get(runtime, path).json, get(runtime, path).json
    assert first["access_token"] == second["access_token"]
    assert first["token_type"] == "Bearer"
    assert 3300 < second["expires_in"] <= 3600
    info = runtime.call("GET", f"/tokeninfo?access_token={first['access_token']}").json
    assert info["scope"] == "https://a.example/one https://a.example/two"
    assert get(runtime, ACCOUNT + "token").json["access_token"] != first["access_token"]


def test_given_a_format_then_the_id_token_says_where_it_was_made(runtime: RuntimeProcess) -> None:
    full = jwt.decode(get(runtime, ACCOUNT + "identity?audience=https://a.example&format=full").body, verify=False)
    engine = full["google"]["compute_engine"]
    assert (engine["project_id"], engine["project_number"]) == (
        PROJECT,
        int(get(runtime, "project/numeric-project-id").body),
    )
    standard = jwt.decode(get(runtime, ACCOUNT + "identity?audience=https://a.example").body, verify=False)
    assert "google" not in standard
    assert standard["email"] == full["email"] == EMAIL


def test_given_a_disabled_account_then_it_gets_no_tokens(own_runtime: RuntimeProcess) -> None:
    own_runtime.start()
    one = f"/v1/projects/{PROJECT}/serviceAccounts/{EMAIL}"
    assert own_runtime.call("POST", f"{one}:disable", {}).status == 200
    for path in ("token", "identity?audience=x"):
        assert get(own_runtime, ACCOUNT + path).status == 403
    assert own_runtime.call("POST", f"{one}:enable", {}).status == 200
    assert get(own_runtime, ACCOUNT + "token").status == 200
