"""The variables that lead unmodified clients to this runtime: what `hakobune env` prints and every task gets.

The list is a public contract. Sources: gcloud's properties (`CLOUDSDK_SECTION_NAME`), the emulator variables of
Google's client libraries, and google-auth's metadata variables.
"""

from __future__ import annotations

from dataclasses import dataclass

# Any host that needs no name look-up, since requests for it go through the proxy. gcloud puts "REGION-" in front.
CLIENT_HOST = "run.hakobune.internal"
_OVERRIDES = (
    "WORKFLOWS",
    "WORKFLOWEXECUTIONS",
    "CLOUDSCHEDULER",
    "EVENTARC",
    "PUBSUB",
    "SERVICEUSAGE",
    "IAM",
    "CLOUDRESOURCEMANAGER",
    "LOGGING",
    "ARTIFACTREGISTRY",
    "SECRETMANAGER",
    "IAMCREDENTIALS",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFiles:
    """Files that some clients want: a token of ours for gcloud, settings for gsutil, and the authorities to trust. ""
    where there is none."""

    access_token: str = ""
    boto: str = ""
    authorities: str = ""


def client_environment(*, port: int, grpc_port: int, project: str, files: ClientFiles) -> dict[str, str]:
    """Variables by name. `port` and `grpc_port` are the main ones, or those of an attempt's own listeners."""
    url = f"http://127.0.0.1:{port}"
    found = {
        "HAKOBUNE_URL": url,
        "STORAGE_EMULATOR_HOST": url,
        "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{grpc_port}",
        "GCE_METADATA_HOST": f"127.0.0.1:{port}",
        "GCE_METADATA_IP": f"127.0.0.1:{port}",
        "GCE_METADATA_TIMEOUT": "10",
        "GOOGLE_CLOUD_PROJECT": project,
        "CLOUDSDK_CORE_PROJECT": project,
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_PROXY_TYPE": "http",
        "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
        "CLOUDSDK_PROXY_PORT": str(port),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN": f"http://{CLIENT_HOST}/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{url}/storage/v1/",
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
    }
    if files.access_token:
        found["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"] = files.access_token
    if files.boto:
        found["BOTO_CONFIG"] = files.boto
    if files.authorities:  # CONNECT is answered with our own TLS: gcloud speaks gRPC through it
        found["CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"] = files.authorities
    found |= {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name}": f"{url}/" for name in _OVERRIDES}
    return found


def tls_environment(*, tls_port: int, authorities: str) -> dict[str, str]:
    """What TLS adds: where it is spoken, and whom clients should trust, by the variables of requests and httpx, OpenSSL
    (Python, Go, curl), Node and gRPC. The authorities are the system's own and ours."""
    names = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
    return {"HAKOBUNE_TLS_URL": f"https://localhost:{tls_port}", **dict.fromkeys(names, authorities)}
