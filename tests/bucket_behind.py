"""A runtime whose objects are kept in a bucket of another runtime."""

from __future__ import annotations

import json
import uuid

from runtime_process import PROJECT, RuntimeProcess

PREFIX = "some/prefix"


def new_bucket(runtime: RuntimeProcess) -> str:
    """A bucket to keep objects in."""
    name = f"behind-{uuid.uuid4().hex[:12]}"
    assert runtime.call("POST", f"/storage/v1/b?project={PROJECT}", {"name": name}).status == 200
    return name


def gcs_key(url: str) -> str:
    """What leads Google's protocol to a runtime, without credentials."""
    key = {
        "gcs_base_url": url,
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    return json.dumps(key)


def variables(outer: RuntimeProcess, scheme: str) -> dict[str, str]:
    """What the environment says of the outer runtime."""
    if scheme == "gs":
        return {"GOOGLE_SERVICE_ACCOUNT_KEY": gcs_key(outer.url), "GOOGLE_ALLOW_HTTP": "true"}
    return {
        "AWS_ENDPOINT": outer.url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_REGION": "us-east-1",
    }


def put_behind(runtime: RuntimeProcess, outer: RuntimeProcess, scheme: str = "gs") -> str:
    """The runtime, not started, keeps its objects in a new bucket of the outer one; the bucket's name."""
    bucket = new_bucket(outer)
    runtime.environ.update(variables(outer, scheme))
    runtime.arguments = (*runtime.arguments, f"--objects={scheme}://{bucket}/{PREFIX}")
    return bucket


def kept(outer: RuntimeProcess, bucket: str) -> list[str]:
    """The contents in the bucket: their uids."""
    answer = outer.call("GET", f"/storage/v1/b/{bucket}/o?maxResults=1000&prefix={PREFIX}/").json
    names = [item["name"].removeprefix(f"{PREFIX}/") for item in answer.get("items", [])]
    return sorted(name.rpartition("/")[2] for name in names if "/" in name)
