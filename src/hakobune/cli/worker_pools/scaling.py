"""Flags of the autoscaler of worker pools (an extension), and the annotations of the pool that they stand for."""

from __future__ import annotations

from hakobune.cli.document import Document, text_at
from hakobune.cli.errors import UsageError
from hakobune.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.flags import Arguments

_PREFIX = "hakobune.dev/scaling-"
_CLEAR = "clear-scaling"
_TEXTS = {
    "pubsub-subscription": ("SUBSCRIPTION", "Scale with the backlog of this subscription of Pub/Sub."),
    "pubsub-target": ("N", "Messages that are not acknowledged, for each worker. Default 100."),
    "pubsub-oldest-age-seconds": ("SECONDS", "A message that waits longer asks for one worker more."),
    "kafka-bootstrap-servers": ("HOST:PORT,...", "Scale with the lag of a consumer group of this Kafka."),
    "kafka-group": ("GROUP", "The consumer group."),
    "kafka-topics": ("TOPIC,...", "The topics that it consumes."),
    "kafka-target": ("N", "Messages of lag, for each worker. Default 1000."),
    "min": ("N", "Workers at least. Default 0."),
    "max": ("N", "Workers at most. Default 10."),
    "activation": ("N", "Up to so much backlog there are as few workers as may be. Default 0."),
    "tolerance": ("PART", "The average may differ by this part of the target. Default 0.1."),
    "cool-down-seconds": ("SECONDS", "Fewer workers only when no more were asked for during this time. Default 60."),
    "interval-seconds": ("SECONDS", "Time between two measures. Default 5."),
}
FLAGS = (
    *(Flag(f"--scaling-{name}", "text", f"Extension. {text}", metavar=shown) for name, (shown, text) in _TEXTS.items()),
    Flag(f"--{_CLEAR}", "switch", "Extension. Scale by hand again."),
)


def change_policy(annotations: Document, arguments: Arguments) -> None:
    """Set what the flags name; an empty value takes the setting away. Raises UsageError."""
    given = [name for name in _TEXTS if arguments.given(f"scaling-{name}")]
    if arguments.switch(_CLEAR):
        if given:
            raise UsageError(f"argument --{_CLEAR}: At most one of --{_CLEAR} | --scaling-{given[0]} can be specified.")
        for name in [key for key in annotations if key.startswith(_PREFIX)]:
            del annotations[name]
    for name in given:
        text = arguments.text(f"scaling-{name}")
        if text:
            annotations[_PREFIX + name] = text
        else:
            annotations.pop(_PREFIX + name, None)
    if given:
        _check(annotations)


def _check(annotations: Document) -> None:
    """Refuse what the runtime would refuse, by the flag's name."""
    from hakobune.core.errors import InvalidArgument
    from hakobune.core.services.autoscaling import policy_from_annotations

    try:
        policy_from_annotations({name: text_at(annotations, name) for name in annotations}, "")
    except InvalidArgument as error:
        (violation, *_) = error.violations
        name = violation.field.partition(_PREFIX)[2].rstrip("']")
        text = violation.description.replace(_PREFIX, "--scaling-")
        raise UsageError(f"argument --scaling-{name}: {text}.") from error
