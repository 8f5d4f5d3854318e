"""How the arguments of a connector become its first request."""

from __future__ import annotations

import pytest
from connector_calls import answered, refused, sent, started

from hakobune.core.workflows.effects import Token, TokenKind
from hakobune.core.workflows.values import Value

JOB = "projects/harbour/locations/asia-northeast1/jobs/scan"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


def test_a_request_has_address_token_service_and_body() -> None:
    body: Value = {"overrides": {"taskCount": 3}}
    request = started("run.v2.projects.locations.jobs.run", name=JOB, body=body).request
    assert request.method == "POST"
    assert request.url == f"https://run.googleapis.com/v2/{JOB}:run"
    assert request.token == Token(kind=TokenKind.OAUTH2, scopes=(CLOUD_PLATFORM,))
    assert request.service == "run.v2"
    assert request.timeout_s == 1800
    assert dict(request.headers) == {
        "User-Agent": "GoogleCloudWorkflows; (+https://cloud.google.com/workflows/docs)",
        "Content-Type": "application/json; charset=utf-8",
    }
    assert sent(request) == body


@pytest.mark.parametrize("given", [{}, {"body": None}, {"body": {}}])
def test_a_message_that_is_not_given_is_an_empty_one(given: dict[str, Value]) -> None:
    request = started("run.v2.projects.locations.jobs.run", name=JOB, **given).request
    assert request.body == b"{}"


def test_a_method_without_a_message_has_no_body() -> None:
    request = started("run.v2.projects.locations.jobs.get", name=JOB).request
    assert request.body is None
    assert [name for name, _ in request.headers] == ["User-Agent"]


def test_arguments_by_position_are_in_the_order_of_the_reference() -> None:
    request = started("storage.v1.objects.get", "bay", "list.txt").request
    assert request.url == "https://storage.googleapis.com/storage/v1/b/bay/o/list.txt"


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("a%2Fb.txt", "a%2Fb.txt"),  # encoded by the author, as the samples do
        ("a/b.txt", "a/b.txt"),  # not encoded: put in as it is
        ("a b.txt", "a%20b.txt"),  # what no URL can hold
        ("港#1", "%E6%B8%AF%231"),
        (7, "7"),
    ],
)
def test_values_are_put_into_the_path_as_they_are(name: Value, url: str) -> None:
    request = started("storage.v1.objects.delete", bucket="bay", object=name).request
    assert request.url == f"https://storage.googleapis.com/storage/v1/b/bay/o/{url}"


def test_the_query_has_what_was_given_and_nothing_else() -> None:
    request = started(
        "storage.v1.objects.list", bucket="bay", prefix="a b/", maxResults=10, versions=True, pageToken=None
    ).request
    assert (
        request.url == "https://storage.googleapis.com/storage/v1/b/bay/o?maxResults=10&prefix=a%20b%2F&versions=true"
    )


def test_a_list_repeats_a_parameter_that_may_be_repeated() -> None:
    request = started("storage.v1.buckets.testIamPermissions", bucket="bay", permissions=["a.get", "a.list"]).request
    assert request.url.endswith("/b/bay/iam/testPermissions?permissions=a.get&permissions=a.list")
    single = started("storage.v1.buckets.testIamPermissions", bucket="bay", permissions="a.get").request
    assert single.url.endswith("?permissions=a.get")


def test_a_question_mark_in_a_path_begins_the_query() -> None:
    request = started("storage.v1.objects.delete", bucket="bay", object="a?b=1", generation=2).request
    assert request.url.endswith("/o/a?b=1&generation=2")


def test_a_region_chooses_the_host() -> None:
    name = "namespaces/harbour/jobs/scan"
    regional = started("run.v1.namespaces.jobs.get", name=name, location="asia-northeast1").request
    assert regional.url == f"https://asia-northeast1-run.googleapis.com/apis/run.googleapis.com/v1/{name}"
    plain = started("run.v1.namespaces.jobs.get", name=name).request
    assert plain.url == f"https://run.googleapis.com/apis/run.googleapis.com/v1/{name}"
    model = started("aiplatform.v1.projects.locations.models.get", name="projects/p/x", region="us-central1").request
    assert model.url == "https://us-central1-aiplatform.googleapis.com/v1/projects/p/x"


@pytest.mark.parametrize("location", ["evil.example/", "", "a@b", "Tokyo"])
def test_a_region_is_a_name_and_no_piece_of_an_address(location: str) -> None:
    message = refused("run.v1.namespaces.jobs.get", name="namespaces/harbour/jobs/scan", location=location)
    assert message.startswith("ValueError: googleapis.run.v1.namespaces.jobs.get: location is no region")


def test_scopes_are_what_the_call_asks_for() -> None:
    request = started(
        "sheets.v4.spreadsheets.get", spreadsheetId="s1", connector_params={"scopes": "https://a, https://b"}
    ).request
    assert request.token == Token(kind=TokenKind.OAUTH2, scopes=("https://a", "https://b"))


# -- Cloud Storage: raw content ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content", "kind"),
    [
        ("港", "港".encode(), "text/plain; charset=utf-8"),
        (b"\x00\xff", b"\x00\xff", "application/octet-stream"),
        ({"b": 1, "a": [2]}, b'{"a":[2],"b":1}', "application/json; charset=utf-8"),
        (None, b"", "text/plain; charset=utf-8"),
    ],
)
def test_an_upload_sends_the_content_as_it_is(body: Value, content: bytes, kind: str) -> None:
    running = started("storage.v1.objects.insert", bucket="bay", name="a/b.txt", uploadType="media", body=body)
    request = running.request
    assert request.method == "POST"
    assert request.url == ("https://storage.googleapis.com/upload/storage/v1/b/bay/o?name=a%2Fb.txt&uploadType=media")
    assert request.body == content
    assert dict(request.headers)["Content-Type"] == kind
    assert running.answer(answered({"name": "a/b.txt"})).value == {"name": "a/b.txt"}


def test_an_insert_without_upload_sends_a_message() -> None:
    request = started("storage.v1.objects.insert", bucket="bay", body={"name": "a"}).request
    assert request.url == "https://storage.googleapis.com/storage/v1/b/bay/o"
    assert sent(request) == {"name": "a"}


def test_an_upload_needs_a_name_and_is_of_one_kind() -> None:
    insert = "storage.v1.objects.insert"
    assert refused(insert, bucket="bay", uploadType="media", body="x") == (
        "TypeError: googleapis.storage.v1.objects.insert: missing argument name"
    )
    assert refused(insert, bucket="bay", name="n", uploadType="resumable", body="x") == (
        'ValueError: googleapis.storage.v1.objects.insert: uploadType must be "media"'
    )


@pytest.mark.parametrize(
    ("kind", "content", "value"),
    [
        ("application/json", b'{"a":1}', {"a": 1}),
        ("text/plain", b"a,b", "a,b"),
        ("image/png", b"\x89PNG", b"\x89PNG"),
    ],
)
def test_content_is_decoded_by_its_type(kind: str, content: bytes, value: Value) -> None:
    running = started("storage.v1.objects.get", bucket="bay", object="x", alt="media")
    assert running.request.url.endswith("/b/bay/o/x?alt=media")
    assert running.answer(answered(content, content_type=kind)).value == value


# -- what is refused --------------------------------------------------------------------------------------------

GET = "storage.v1.objects.get"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bucket": "bay"}, "TypeError: googleapis.storage.v1.objects.get: missing argument object"),
        (
            {"bucket": "bay", "object": "x", "colour": "red"},
            "TypeError: googleapis.storage.v1.objects.get: unknown argument colour",
        ),
        (
            {"bucket": "bay", "object": "x", "body": {}},
            "TypeError: googleapis.storage.v1.objects.get: unknown argument body",
        ),
        (
            {"bucket": None, "object": "x"},
            "TypeError: googleapis.storage.v1.objects.get: argument 'bucket' must be 'str', not 'NoneType'",
        ),
        (
            {"bucket": True, "object": "x"},
            "TypeError: googleapis.storage.v1.objects.get: argument 'bucket' must be 'str', not 'bool'",
        ),
        ({"bucket": "", "object": "x"}, "ValueError: googleapis.storage.v1.objects.get: bucket must not be empty"),
        (
            {"bucket": "bay", "object": "x", "generation": [1]},
            "TypeError: googleapis.storage.v1.objects.get: argument 'generation' must be a string, number or boolean, not 'list'",
        ),
        (
            {"bucket": "bay", "object": "x\ud800"},
            "ValueError: googleapis.storage.v1.objects.get: character 20 cannot be encoded as utf-8",
        ),
    ],
)
def test_arguments_that_do_not_fit(arguments: dict[str, Value], message: str) -> None:
    assert refused(GET, **arguments) == message


def test_a_message_is_a_map_that_json_can_hold() -> None:
    publish = "pubsub.v1.projects.topics.publish"
    assert refused(publish, topic="projects/p/topics/t", body="x") == (
        "TypeError: googleapis.pubsub.v1.projects.topics.publish: argument 'body' must be 'dict', not 'str'"
    )
    message = refused(publish, topic="projects/p/topics/t", body={"messages": [{"data": b"x"}]})
    assert message == "ValueError: a value of type 'bytes' cannot be written as JSON"


def test_too_many_positional_arguments() -> None:
    message = refused("run.v2.projects.locations.jobs.get", JOB, {}, "more")
    assert message == "TypeError: googleapis.run.v2.projects.locations.jobs.get takes 2 arguments, got 3"
