"""The variables that lead clients here: a public contract."""

from __future__ import annotations

from hakobune.core.client_environment import CLIENT_HOST, ClientFiles, client_environment

FILES = ClientFiles(access_token="/data/identity/access-token", boto="/data/identity/boto.cfg")


def test_given_ports_when_asked_then_emulator_hosts_and_metadata_have_the_exact_forms() -> None:
    found = client_environment(port=8642, grpc_port=8643, project="p1", files=FILES)
    assert found["STORAGE_EMULATOR_HOST"] == "http://127.0.0.1:8642"
    assert found["PUBSUB_EMULATOR_HOST"] == "127.0.0.1:8643"
    assert found["GCE_METADATA_HOST"] == found["GCE_METADATA_IP"] == "127.0.0.1:8642"
    assert found["GOOGLE_CLOUD_PROJECT"] == found["CLOUDSDK_CORE_PROJECT"] == "p1"
    assert found["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] == "false"
    assert found["CLOUDSDK_CORE_CHECK_GCE_METADATA"] == "false"


def test_given_files_when_asked_then_gcloud_and_gsutil_find_them_and_without_files_nothing_names_them() -> None:
    found = client_environment(port=1, grpc_port=2, project="p1", files=FILES)
    assert found["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"] == "/data/identity/access-token"
    assert found["BOTO_CONFIG"] == "/data/identity/boto.cfg"
    bare = client_environment(port=1, grpc_port=2, project="p1", files=ClientFiles())
    assert "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE" not in bare
    assert "BOTO_CONFIG" not in bare


def test_given_gcloud_when_it_overrides_endpoints_then_every_api_of_the_contract_leads_here() -> None:
    found = client_environment(port=8642, grpc_port=8643, project="p1", files=FILES)
    prefix = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"
    overrides = {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}
    assert overrides["RUN"] == f"http://{CLIENT_HOST}/"
    assert overrides["STORAGE"].endswith("/storage/v1/")
    assert {
        "WORKFLOWS", "WORKFLOWEXECUTIONS", "CLOUDSCHEDULER", "EVENTARC", "PUBSUB", "SERVICEUSAGE", "IAM",
        "CLOUDRESOURCEMANAGER", "LOGGING",
    } <= set(overrides)  # fmt: skip
    assert (found["CLOUDSDK_PROXY_TYPE"], found["CLOUDSDK_PROXY_ADDRESS"]) == ("http", "127.0.0.1")
    assert found["CLOUDSDK_PROXY_PORT"] == "8642"


def test_given_a_list_of_variables_when_looked_at_then_what_belongs_to_the_user_is_left_alone() -> None:
    found = client_environment(port=1, grpc_port=2, project="p1", files=FILES)
    assert not {"CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS", "HTTP_PROXY", "NO_PROXY", "PORT"} & set(found)
    assert not [name for name in found if name.startswith(("CLOUD_RUN_", "K_"))]
