"""Contents in every kind of place: files, and buckets behind each protocol. The buckets of gs and s3 are those of another
runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import obstore
from obstore.store import GCSStore, LocalStore, MemoryStore, S3Store

from bucket_behind import PREFIX, gcs_key, new_bucket
from hakobune.store.blobs import Blobs
from hakobune.store.blobs_bucket import BucketBlobs
from hakobune.store.blobs_client import BucketClient
from hakobune.store.blobs_files import FileBlobs
from runtime_process import RuntimeProcess

BUCKETS = ("memory", "file", "gs", "s3")
QUICK = {"max_retries": 0}


def gcs(url: str, bucket: str) -> GCSStore:
    return GCSStore(
        bucket,
        prefix=PREFIX,
        config={"service_account_key": gcs_key(url)},
        client_options={"allow_http": True},
        retry_config=QUICK,  # type: ignore[arg-type]
    )


def s3(url: str, bucket: str) -> S3Store:
    return S3Store(
        bucket,
        prefix=PREFIX,
        config={"endpoint": url, "access_key_id": "a", "secret_access_key": "b", "region": "us-east-1"},
        client_options={"allow_http": True},
        retry_config=QUICK,  # type: ignore[arg-type]
    )


def client_of(kind: str, directory: Path, runtime: Callable[[], RuntimeProcess]) -> BucketClient:
    """A client of a new, empty prefix. `runtime` is asked only where a bucket of one is needed."""
    if kind == "memory":
        return BucketClient(MemoryStore(), "memory://")
    if kind == "file":
        return BucketClient(LocalStore(directory / "outside", mkdir=True), "file:///outside")
    found = runtime()
    bucket = new_bucket(found)
    store = gcs(found.url, bucket) if kind == "gs" else s3(found.url, bucket)
    return BucketClient(store, f"{kind}://{bucket}/some/prefix")


def blobs_of(kind: str, directory: Path, runtime: Callable[[], RuntimeProcess]) -> Blobs:
    """Contents in a new, empty place."""
    files = FileBlobs(directory / "objects")
    return files if kind == "files" else BucketBlobs(client_of(kind, directory, runtime), files)


def keys(client: BucketClient) -> list[str]:
    """All that is in the bucket."""
    return sorted(item["path"] for page in obstore.list(client._store) for item in page)
