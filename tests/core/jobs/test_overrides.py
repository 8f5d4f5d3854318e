"""What one run may change of its job."""

from __future__ import annotations

import pytest

from hakobune.core.containers import Container, EnvVar, SecretRef
from hakobune.core.errors import InvalidArgument
from hakobune.core.jobs.drafts import ContainerOverride, Overrides
from hakobune.core.jobs.model import ExecutionTemplate, TaskTemplate
from hakobune.core.jobs.overrides import apply_overrides, uses_gpu


def a_template(*containers: Container, **task: object) -> ExecutionTemplate:
    found = containers or (Container(name="app", image="local", args=("a", "b"), env=(EnvVar(name="A", value="1"),)),)
    return ExecutionTemplate(
        parallelism=5,
        task_count=10,
        template=TaskTemplate(containers=found, **task),  # type: ignore[arg-type]
    )


def test_given_no_overrides_when_applied_then_the_template_stays() -> None:
    assert apply_overrides(a_template(), Overrides()) == a_template()


def test_given_a_count_and_a_timeout_when_applied_then_they_replace_those_of_the_job() -> None:
    changed = apply_overrides(a_template(), Overrides(task_count=2, timeout_s=30.0))
    assert (changed.task_count, changed.template.timeout_s, changed.parallelism) == (2, 30.0, 5)


@pytest.mark.parametrize("args", [("x",), ()])
def test_given_arguments_when_applied_then_they_replace_the_list(args: tuple[str, ...]) -> None:
    changed = apply_overrides(a_template(), Overrides(containers=(ContainerOverride(args=args),)))
    assert changed.template.containers[0].args == args


def test_given_no_arguments_when_applied_then_those_of_the_job_stay() -> None:
    changed = apply_overrides(a_template(), Overrides(containers=(ContainerOverride(),)))
    assert changed.template.containers[0].args == ("a", "b")


def test_given_variables_when_applied_then_they_are_merged_by_name() -> None:
    job = a_template(
        Container(
            image="local",
            env=(
                EnvVar(name="A", value="1"),
                EnvVar(name="B", secret=SecretRef(secret="s", version="1")),
                EnvVar(name="C", value="3"),
            ),
        )
    )
    override = ContainerOverride(
        env=(EnvVar(name="B", value="two"), EnvVar(name="D", value="4"), EnvVar(name="D", value="5"))
    )
    changed = apply_overrides(job, Overrides(containers=(override,)))
    assert changed.template.containers[0].env == (
        EnvVar(name="A", value="1"),
        EnvVar(name="B", value="two"),
        EnvVar(name="C", value="3"),
        EnvVar(name="D", value="5"),
    )


@pytest.mark.parametrize("name", ["", "app", "some-other"])
def test_given_one_container_when_overridden_then_any_name_means_it(name: str) -> None:
    changed = apply_overrides(a_template(), Overrides(containers=(ContainerOverride(name=name, args=("x",)),)))
    assert changed.template.containers[0].args == ("x",)


def test_given_several_containers_when_overridden_then_the_name_says_which() -> None:
    job = a_template(Container(name="app", image="local"), Container(name="side", image="local"))
    overrides = Overrides(
        containers=(ContainerOverride(name="side", args=("s",)), ContainerOverride(name="app", args=("a",)))
    )
    assert [container.args for container in apply_overrides(job, overrides).template.containers] == [("a",), ("s",)]


@pytest.mark.parametrize("name", ["", "other"])
def test_given_several_containers_when_the_name_is_none_of_theirs_then_it_is_refused(name: str) -> None:
    job = a_template(Container(name="app", image="local"), Container(name="side", image="local"))
    wrong = Overrides(containers=(ContainerOverride(name="app"), ContainerOverride(name=name)))
    with pytest.raises(InvalidArgument) as caught:
        apply_overrides(job, wrong)
    assert caught.value.violations[0].field == "overrides.container_overrides[1].name"


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        (Overrides(task_count=0), "overrides.task_count"),
        (Overrides(task_count=-1), "overrides.task_count"),
        (Overrides(task_count=10_001), "overrides.task_count"),
        (Overrides(timeout_s=0.5), "overrides.timeout"),
        (Overrides(timeout_s=604_801.0), "overrides.timeout"),
    ],
)
def test_given_a_value_out_of_range_when_applied_then_it_is_refused(overrides: Overrides, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        apply_overrides(a_template(), overrides)
    assert caught.value.violations[0].field == field


def test_bounds_belong_to_the_range() -> None:
    assert apply_overrides(a_template(), Overrides(task_count=10_000, timeout_s=604_800.0)).task_count == 10_000
    assert apply_overrides(a_template(), Overrides(timeout_s=1.0)).template.timeout_s == 1.0


@pytest.mark.parametrize(
    ("template", "has_gpu"),
    [
        (a_template(), False),
        (a_template(Container(image="local", limits={"nvidia.com/gpu": "0"})), False),
        (a_template(Container(image="local", limits={"nvidia.com/gpu": "1"})), True),
        (a_template(other={"nodeSelector": {"accelerator": "nvidia-l4"}}), True),
    ],
)
def test_given_a_gpu_when_a_timeout_is_asked_for_then_an_hour_is_the_most(
    template: ExecutionTemplate, has_gpu: bool
) -> None:
    assert uses_gpu(template) is has_gpu
    assert apply_overrides(template, Overrides(timeout_s=3_600.0)).template.timeout_s == 3_600.0
    if has_gpu:
        with pytest.raises(InvalidArgument):
            apply_overrides(template, Overrides(timeout_s=3_601.0))
    else:
        assert apply_overrides(template, Overrides(timeout_s=3_601.0)).template.timeout_s == 3_601.0
