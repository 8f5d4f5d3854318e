"""The protobuf messages of Eventarc: triggers, channels, providers, and events that are published to channels.
Format: see `messages`."""

from __future__ import annotations

from hakobune.servers.grpc.package import Package

_TIMESTAMP = "google.protobuf.Timestamp"

EVENTARC = Package(
    name="google.cloud.eventarc.v1",
    imports=(
        "google/protobuf/field_mask.proto",
        "google/protobuf/timestamp.proto",
        "google/rpc/code.proto",
    ),
    messages={
        "Trigger": (
            "1 name string",
            "2 uid string",
            f"5 create_time {_TIMESTAMP}",
            f"6 update_time {_TIMESTAMP}",
            "8 event_filters repeated EventFilter",
            "9 service_account string",
            "10 destination Destination",
            "11 transport Transport",
            "12 labels map",
            "13 channel string",
            "15 conditions map StateCondition",
            "16 event_data_content_type string",
            "19 satisfies_pzs bool",
            "20 retry_policy Trigger.RetryPolicy",
            "99 etag string",
        ),
        "EventFilter": (
            "1 attribute string",
            "2 value string",
            "3 operator string",
        ),
        "Destination": (
            "1 cloud_run oneof descriptor CloudRun",
            "2 cloud_function oneof descriptor string",
            "3 gke oneof descriptor GKE",
            "4 workflow oneof descriptor string",
            "5 http_endpoint oneof descriptor HttpEndpoint",
            "6 network_config NetworkConfig",
        ),
        "CloudRun": (
            "1 service string",
            "2 path string",
            "3 region string",
        ),
        "GKE": (
            "1 cluster string",
            "2 location string",
            "3 namespace string",
            "4 service string",
            "5 path string",
        ),
        "HttpEndpoint": ("1 uri string",),
        "NetworkConfig": ("1 network_attachment string",),
        "Transport": ("1 pubsub oneof intermediary Pubsub",),
        "Pubsub": (
            "1 topic string",
            "2 subscription string",
        ),
        "StateCondition": (
            "1 code google.rpc.Code",
            "2 message string",
        ),
        "Trigger.RetryPolicy": ("1 max_attempts int32",),
        "Channel": (
            "1 name string",
            "2 uid string",
            f"5 create_time {_TIMESTAMP}",
            f"6 update_time {_TIMESTAMP}",
            "7 provider string",
            "8 pubsub_topic oneof transport string",
            "9 state Channel.State",
            "10 activation_token string",
            "11 crypto_key_name string",
            "12 satisfies_pzs bool",
            "13 labels map",
        ),
        "Provider": (
            "1 name string",
            "2 display_name string",
            "3 event_types repeated EventType",
        ),
        "EventType": (
            "1 type string",
            "2 description string",
            "3 filtering_attributes repeated FilteringAttribute",
            "4 event_schema_uri string",
        ),
        "FilteringAttribute": (
            "1 attribute string",
            "2 description string",
            "3 required bool",
            "4 path_pattern_supported bool",
        ),
        "OperationMetadata": (
            f"1 create_time {_TIMESTAMP}",
            f"2 end_time {_TIMESTAMP}",
            "3 target string",
            "4 verb string",
            "5 status_message string",
            "6 requested_cancellation bool",
            "7 api_version string",
        ),
        "GetTriggerRequest": ("1 name string",),
        "ListTriggersRequest": (
            "1 parent string",
            "2 page_size int32",
            "3 page_token string",
            "4 order_by string",
            "5 filter string",
        ),
        "ListTriggersResponse": (
            "1 triggers repeated Trigger",
            "2 next_page_token string",
            "3 unreachable repeated string",
        ),
        "CreateTriggerRequest": (
            "1 parent string",
            "2 trigger Trigger",
            "3 trigger_id string",
            "4 validate_only bool",
        ),
        "UpdateTriggerRequest": (
            "1 trigger Trigger",
            "2 update_mask google.protobuf.FieldMask",
            "3 allow_missing bool",
            "4 validate_only bool",
        ),
        "DeleteTriggerRequest": (
            "1 name string",
            "2 etag string",
            "3 allow_missing bool",
            "4 validate_only bool",
        ),
        "GetChannelRequest": ("1 name string",),
        "ListChannelsRequest": (
            "1 parent string",
            "2 page_size int32",
            "3 page_token string",
            "4 order_by string",
        ),
        "ListChannelsResponse": (
            "1 channels repeated Channel",
            "2 next_page_token string",
            "3 unreachable repeated string",
        ),
        "CreateChannelRequest": (
            "1 parent string",
            "2 channel Channel",
            "3 channel_id string",
            "4 validate_only bool",
        ),
        "UpdateChannelRequest": (
            "1 channel Channel",
            "2 update_mask google.protobuf.FieldMask",
            "3 validate_only bool",
        ),
        "DeleteChannelRequest": (
            "1 name string",
            "2 validate_only bool",
        ),
        "GetProviderRequest": ("1 name string",),
        "ListProvidersRequest": (
            "1 parent string",
            "2 page_size int32",
            "3 page_token string",
            "4 order_by string",
            "5 filter string",
        ),
        "ListProvidersResponse": (
            "1 providers repeated Provider",
            "2 next_page_token string",
            "3 unreachable repeated string",
        ),
    },
    enums={"Channel.State": ("STATE_UNSPECIFIED", "PENDING", "ACTIVE", "INACTIVE")},
)
PUBLISHING = Package(
    name="google.cloud.eventarc.publishing.v1",
    imports=("google/protobuf/any.proto",),
    messages={
        "PublishEventsRequest": (
            "1 channel string",
            "2 events repeated google.protobuf.Any",
            "3 text_events repeated string",
        ),
        "PublishEventsResponse": (),
    },
)
# What is packed into the events of a request to publish.
# Source: https://github.com/cloudevents/spec/blob/main/cloudevents/formats/cloudevents.proto.
CLOUD_EVENTS = Package(
    name="io.cloudevents.v1",
    imports=("google/protobuf/any.proto", "google/protobuf/timestamp.proto"),
    messages={
        "CloudEvent": (
            "1 id string",
            "2 source string",
            "3 spec_version string",
            "4 type string",
            "5 attributes map CloudEvent.CloudEventAttributeValue",
            "6 binary_data oneof data bytes",
            "7 text_data oneof data string",
            "8 proto_data oneof data google.protobuf.Any",
        ),
        "CloudEvent.CloudEventAttributeValue": (
            "1 ce_boolean oneof attr bool",
            "2 ce_integer oneof attr int32",
            "3 ce_string oneof attr string",
            "4 ce_bytes oneof attr bytes",
            "5 ce_uri oneof attr string",
            "6 ce_uri_ref oneof attr string",
            f"7 ce_timestamp oneof attr {_TIMESTAMP}",
        ),
    },
)
