"""`hakobune secrets`, `iam`, `auth` against a runtime."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from command_calls import Call, Outcome
from google.auth import jwt

from hakobune.cli.main import main
from runtime_process import PROJECT, RuntimeProcess


@pytest.fixture
def cli(
    runtime: RuntimeProcess, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> Call:
    """`cli("secrets", "list")` runs the command in this process against a runtime."""
    monkeypatch.setenv("HAKOBUNE_URL", runtime.url)
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", PROJECT)
    monkeypatch.delenv("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", raising=False)
    monkeypatch.chdir(tmp_path)

    def call(*argv: str) -> Outcome:
        capfdbinary.readouterr()
        code = main(list(argv))
        captured = capfdbinary.readouterr()
        return Outcome(code, captured.out.decode(), captured.err.decode())

    return call


@pytest.fixture
def name() -> str:
    return f"cli-{uuid.uuid4().hex[:8]}"


def good(outcome: Outcome) -> Outcome:
    assert outcome.code == 0, outcome.err
    return outcome


def test_a_secret_goes_through_its_life_with_gclouds_words(cli: Call, name: str, tmp_path: Path) -> None:
    (tmp_path / "value").write_bytes(b"hello")
    assert good(cli("secrets", "create", name, "--labels=a=b")).err == f"Created secret [{name}].\n"
    added = good(cli("secrets", "versions", "add", name, "--data-file=value"))
    assert added.err == f"Created version [1] of the secret [{name}].\n"
    assert good(cli("secrets", "versions", "access", "latest", "--secret", name)).out == "hello"
    listed = good(cli("secrets", "list", "--filter", f"name:{name}")).lines
    assert listed[0].split() == ["NAME", "CREATED", "REPLICATION_POLICY", "LOCATIONS"]
    assert (listed[1].split()[0], listed[1].split()[2:]) == (name, ["automatic", "-"])
    versions = good(cli("secrets", "versions", "list", name)).lines
    assert versions[0].split() == ["NAME", "STATE", "CREATED", "DESTROYED"]
    assert versions[1].split()[:2] == ["1", "enabled"]
    for verb, done in (("disable", "Disabled"), ("enable", "Enabled")):
        said = good(cli("secrets", "versions", verb, "1", "--secret", name)).err
        assert said == f"{done} version [1] of the secret [{name}].\n"
    described = json.loads(good(cli("secrets", "versions", "describe", "1", "--secret", name, "--format=json")).out)
    assert described["state"] == "ENABLED"
    assert good(cli("secrets", "update", name, "--update-labels=c=d", "--remove-labels=a")).err == (
        f"Updated secret [{name}].\n"
    )
    assert json.loads(good(cli("secrets", "describe", name, "--format=json")).out)["labels"] == {"c": "d"}
    good(cli("secrets", "update", name, "--update-version-aliases=stable=1"))
    out = tmp_path / "out"
    good(cli("secrets", "versions", "access", "stable", "--secret", name, "--out-file", str(out)))
    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (b"hello", 0o600)
    refused = cli("secrets", "versions", "destroy", "1", "--secret", name)
    assert refused.code == 1
    assert "You are about to destroy version [1] of the secret" in refused.err
    good(cli("secrets", "versions", "destroy", "1", "--secret", name, "--quiet"))
    gone = cli("secrets", "versions", "access", "1", "--secret", name)
    assert gone.code == 1
    assert "is in DESTROYED state." in gone.err
    assert good(cli("secrets", "delete", name, "--quiet")).err == f"Deleted secret [{name}].\n"
    assert f"Secret [projects/{PROJECT}/secrets/{name}] not found." in cli("secrets", "describe", name).err


def test_a_secret_with_a_value_and_an_end_is_made_in_one_command(cli: Call, name: str, tmp_path: Path) -> None:
    (tmp_path / "value").write_bytes(b"x")
    words = ("secrets", "create", name, "--data-file=value", "--ttl=1h", "--replication-policy=user-managed")
    refused = cli(*words, "--locations=us-east1,us-west1")
    assert refused.code == 1
    assert "will be automatically deleted after the requested ttl of [3600s]" in refused.err
    assert good(cli(*words, "--locations=us-east1,us-west1", "--quiet")).err == (
        f"Created version [1] of the secret [{name}].\n"
    )
    assert "expireTime" in json.loads(good(cli("secrets", "describe", name, "--format=json")).out)
    good(cli("secrets", "update", name, "--remove-expiration"))
    assert "expireTime" not in json.loads(good(cli("secrets", "describe", name, "--format=json")).out)


@pytest.mark.parametrize(
    ("argv", "code", "text"),
    [
        (("secrets", "versions", "add", "x"), 2, "argument --data-file: Must be specified."),
        (("secrets", "versions", "add", "x", "--data-file=nowhere"), 1, "Failed to read file [nowhere]"),
        (("secrets", "versions", "access", "1"), 2, "argument --secret: Must be specified."),
        (("secrets", "create", "x", "--locations=a"), 2, "--replication-policy=user-managed"),
        (("secrets", "create", "x", "--replication-policy=user-managed"), 2, "argument --locations"),
        (("secrets", "update", "no-such-secret", "--clear-labels"), 1, "not found"),
        (("iam", "service-accounts", "keys", "list"), 2, "argument --iam-account: Must be specified."),
        (("iam", "service-accounts", "describe", "no@where.x"), 1, "Unknown service account"),
        (("iam", "service-accounts", "update", "no@where.x"), 2, "At least one of"),
    ],
)
def test_given_what_is_not_there_then_it_is_said(cli: Call, argv: tuple[str, ...], code: int, text: str) -> None:
    outcome = cli(*argv)
    assert outcome.code == code
    assert text in outcome.err


def test_a_service_account_goes_through_its_life(cli: Call, name: str, tmp_path: Path) -> None:
    email = f"{name}@{PROJECT}.iam.gserviceaccount.com"
    group = ("iam", "service-accounts")
    assert good(cli(*group, "create", name, "--display-name=Batch")).err == f"Created service account [{name}].\n"
    assert email in good(cli(*group, "list")).out
    assert json.loads(good(cli(*group, "describe", email, "--format=json")).out)["displayName"] == "Batch"
    assert "displayName: Night" in good(cli(*group, "update", email, "--display-name=Night")).out
    made = good(cli(*group, "keys", "create", "key.json", "--iam-account", email)).err
    file = json.loads((tmp_path / "key.json").read_text())
    assert made == f"created key [{file['private_key_id']}] of type [json] as [key.json] for [{email}]\n"
    assert (tmp_path / "key.json").stat().st_mode & 0o777 == 0o600
    assert file["private_key_id"] in good(cli(*group, "keys", "list", "--iam-account", email)).out
    good(cli(*group, "keys", "delete", file["private_key_id"], "--iam-account", email, "--quiet"))
    assert file["private_key_id"] not in good(cli(*group, "keys", "list", "--iam-account", email)).out
    assert good(cli(*group, "disable", email)).err == f"Disabled service account [{email}].\n"
    refused = cli("auth", "print-access-token", "--impersonate-service-account", email)
    assert refused.code == 1
    assert "is disabled" in refused.err
    good(cli(*group, "enable", email))
    assert good(cli(*group, "delete", email, "--quiet")).err == f"deleted service account [{email}]\n"


def test_tokens_are_printed(cli: Call, runtime: RuntimeProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    own = good(cli("auth", "print-access-token")).out.strip()
    assert jwt.decode(own, verify=False)["email"] == f"developer@{PROJECT}.iam.gserviceaccount.com"
    other = "robot@other.iam.gserviceaccount.com"
    words = ("--impersonate-service-account", other, "--scopes=a,b", "--lifetime=10m")
    claims = jwt.decode(good(cli("auth", "print-access-token", *words)).out.strip(), verify=False)
    assert (claims["email"], claims["scope"], claims["exp"] - claims["iat"]) == (other, "a b", 600)
    certificates = runtime.call("GET", "/oauth2/v1/certs").json
    token = good(cli("auth", "print-identity-token", "--audiences=https://a.example")).out.strip()
    assert jwt.decode(token, certs=certificates, audience="https://a.example")["email"].startswith("developer@")
    words = ("--impersonate-service-account", other, "--include-email", "--audiences=https://a.example")
    token = good(cli("auth", "print-identity-token", *words)).out.strip()
    assert jwt.decode(token, certs=certificates, audience="https://a.example")["email"] == other
    file = runtime.directory / "identity" / "access-token"
    monkeypatch.setenv("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", str(file))
    assert good(cli("auth", "print-access-token")).out.strip() == file.read_text()


def test_keys_are_rotated_and_older_tokens_hold(cli: Call, runtime: RuntimeProcess) -> None:
    old = good(cli("auth", "print-access-token")).out.strip()
    before = set(runtime.call("GET", "/oauth2/v1/certs").json)
    assert "signs from now on" in good(cli("auth", "rotate-keys")).err
    assert before < set(runtime.call("GET", "/oauth2/v1/certs").json)
    headers = {"Authorization": f"Bearer {old}"}
    assert runtime.call("GET", f"/v1/projects/{PROJECT}/secrets", headers=headers).status == 200
    assert good(cli("auth", "print-access-token")).out.strip() != old


def test_given_secrets_when_columns_are_asked_for_then_names_are_short_as_gclouds(
    cli: Call, name: str, tmp_path: Path
) -> None:
    (tmp_path / "value").write_bytes(b"hello")
    good(cli("secrets", "create", name, "--data-file=value"))
    assert name in good(cli("secrets", "list", "--format=value(name)")).lines
    assert good(cli("secrets", "versions", "list", name, "--format=value(name,state)")).out == "1\tenabled\n"
    whole = json.loads(good(cli("secrets", "versions", "list", name, "--format=json")).out)[0]
    assert whole["name"] == f"projects/{PROJECT}/secrets/{name}/versions/1"
    assert whole["state"] == "ENABLED"


@pytest.mark.parametrize(
    ("made", "group", "noun", "role"),
    [
        (("pubsub", "topics", "create"), "pubsub topics", "topic", "roles/pubsub.publisher"),
        (None, "pubsub subscriptions", "subscription", "roles/pubsub.subscriber"),
        (("secrets", "create"), "secrets", "secret", "roles/secretmanager.secretAccessor"),
        (("iam", "service-accounts", "create"), "iam service-accounts", "serviceAccount", "roles/iam.serviceAccountUser"),
        (None, "projects", "project", "roles/viewer"),
    ],
)  # fmt: skip
def test_given_what_has_a_policy_when_a_binding_is_added_and_removed_then_it_follows(
    cli: Call, name: str, tmp_path: Path, made: tuple[str, ...] | None, group: str, noun: str, role: str
) -> None:
    if made:
        good(cli(*made, name))
    if noun == "subscription":
        good(cli("pubsub", "topics", "create", name))
        good(cli("pubsub", "subscriptions", "create", name, "--topic", name))
    target = {"serviceAccount": f"{name}@{PROJECT}.iam.gserviceaccount.com", "project": name}.get(noun, name)
    words, binding = group.split(), ("--member=user:a@example.com", f"--role={role}")
    added = good(cli(*words, "add-iam-policy-binding", target, *binding))
    assert added.err == f"Updated IAM policy for {noun} [{target}].\n"
    held = json.loads(good(cli(*words, "get-iam-policy", target, "--format=json")).out)
    assert held["bindings"] == [{"members": ["user:a@example.com"], "role": role}]
    again = good(cli(*words, "add-iam-policy-binding", target, *binding, "--format=json"))
    assert json.loads(again.out)["bindings"] == held["bindings"]
    good(cli(*words, "remove-iam-policy-binding", target, *binding))
    assert "bindings" not in json.loads(good(cli(*words, "get-iam-policy", target, "--format=json")).out)
    missing = cli(*words, "remove-iam-policy-binding", target, *binding)
    assert (missing.code, "not found!" in missing.err) == (1, True)
    (tmp_path / "policy.json").write_text(json.dumps({"bindings": held["bindings"]}))
    good(cli(*words, "set-iam-policy", target, "policy.json"))
    assert json.loads(good(cli(*words, "get-iam-policy", target, "--format=json")).out)["bindings"] == held["bindings"]
    assert cli(*words, "add-iam-policy-binding", target, "--member=nobody", f"--role={role}").code == 2


def test_given_accounts_when_listed_then_the_table_is_gclouds_and_the_active_one_is_marked(
    cli: Call, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = jwt.decode(cli("auth", "print-access-token").out.strip(), verify=False)["email"]
    assert cli("iam", "service-accounts", "create", name).code == 0
    made = f"{name}@{PROJECT}.iam.gserviceaccount.com"
    told = cli("auth", "list")
    assert [line.strip() for line in told.lines[:2]] == ["Credentialed Accounts", "ACTIVE  ACCOUNT"]
    assert f"*       {default}" in told.lines
    assert f"        {made}" in told.lines
    assert "--impersonate-service-account" in told.err
    assert cli("auth", "list", "--filter=status:ACTIVE", "--format=value(account)").lines == [default]
    token = cli("auth", "print-access-token", f"--impersonate-service-account={made}").out.strip()
    file = Path("token")
    file.write_text(token)
    monkeypatch.setenv("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", str(file.resolve()))
    assert cli("auth", "list", "--filter=status:ACTIVE", "--format=value(account)").lines == [made]
    found = json.loads(cli("auth", "list", f"--filter-account={default}", "--format=json").out)
    assert found == [{"account": default, "status": ""}]
    assert cli("auth", "list", "--filter-account=none@x.y", "--format=json").out == "[]\n"
