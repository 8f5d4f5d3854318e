"""The protobuf messages of Cloud Scheduler: jobs, their targets, and what is sent about them.

Source: google/cloud/scheduler/v1 of https://github.com/googleapis/googleapis; a test compares these tables with
Google's own client library.
"""

from __future__ import annotations

from hakobune.servers.grpc.package import Package

_TIMESTAMP = "google.protobuf.Timestamp"
_DURATION = "google.protobuf.Duration"

SCHEDULER = Package(
    name="google.cloud.scheduler.v1",
    imports=(
        "google/protobuf/duration.proto",
        "google/protobuf/field_mask.proto",
        "google/protobuf/timestamp.proto",
        "google/rpc/status.proto",
    ),
    messages={
        "Job": (
            "1 name string",
            "2 description string",
            "4 pubsub_target oneof target PubsubTarget",
            "5 app_engine_http_target oneof target AppEngineHttpTarget",
            "6 http_target oneof target HttpTarget",
            "20 schedule string",
            "21 time_zone string",
            f"9 user_update_time {_TIMESTAMP}",
            "10 state Job.State",
            "11 status google.rpc.Status",
            f"17 schedule_time {_TIMESTAMP}",
            f"18 last_attempt_time {_TIMESTAMP}",
            "19 retry_config RetryConfig",
            f"22 attempt_deadline {_DURATION}",
        ),
        "RetryConfig": (
            "1 retry_count int32",
            f"2 max_retry_duration {_DURATION}",
            f"3 min_backoff_duration {_DURATION}",
            f"4 max_backoff_duration {_DURATION}",
            "5 max_doublings int32",
        ),
        "HttpTarget": (
            "1 uri string",
            "2 http_method HttpMethod",
            "3 headers map",
            "4 body bytes",
            "5 oauth_token oneof authorization_header OAuthToken",
            "6 oidc_token oneof authorization_header OidcToken",
        ),
        "OAuthToken": ("1 service_account_email string", "2 scope string"),
        "OidcToken": ("1 service_account_email string", "2 audience string"),
        "PubsubTarget": ("1 topic_name string", "3 data bytes", "4 attributes map"),
        "AppEngineHttpTarget": (
            "1 http_method HttpMethod",
            "2 app_engine_routing AppEngineRouting",
            "3 relative_uri string",
            "4 headers map",
            "5 body bytes",
        ),
        "AppEngineRouting": ("1 service string", "2 version string", "3 instance string", "4 host string"),
        "ListJobsRequest": ("1 parent string", "5 page_size int32", "6 page_token string"),
        "ListJobsResponse": ("1 jobs repeated Job", "2 next_page_token string"),
        "GetJobRequest": ("1 name string",),
        "CreateJobRequest": ("1 parent string", "2 job Job"),
        "UpdateJobRequest": ("1 job Job", "2 update_mask google.protobuf.FieldMask"),
        "DeleteJobRequest": ("1 name string",),
        "PauseJobRequest": ("1 name string",),
        "ResumeJobRequest": ("1 name string",),
        "RunJobRequest": ("1 name string",),
    },
    enums={
        "Job.State": ("STATE_UNSPECIFIED", "ENABLED", "PAUSED", "DISABLED", "UPDATE_FAILED"),
        "HttpMethod": ("HTTP_METHOD_UNSPECIFIED", "POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"),
    },
)
