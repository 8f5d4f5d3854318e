"""Jobs as their users declare them."""

from __future__ import annotations

from hakobune.core.containers import Container
from hakobune.core.jobs.drafts import JobDraft, with_default_memory_kept
from hakobune.core.jobs.model import ExecutionTemplate, TaskTemplate


def a_template(*containers: Container) -> ExecutionTemplate:
    return ExecutionTemplate(template=TaskTemplate(containers=containers))


def a_container(memory: str, *, set_by_user: bool, name: str = "") -> Container:
    return Container(name=name, image="local", limits={"memory": memory}, memory_set_by_user=set_by_user)


def kept(new: tuple[Container, ...], old: tuple[Container, ...]) -> list[bool]:
    draft = with_default_memory_kept(JobDraft(template=a_template(*new)), a_template(*old))
    return [container.memory_set_by_user for container in draft.template.template.containers]


def test_given_a_default_limit_when_it_is_read_and_written_back_then_it_stays_unset() -> None:
    assert kept((a_container("512Mi", set_by_user=True),), (a_container("512Mi", set_by_user=False),)) == [False]


def test_given_a_limit_set_by_the_user_when_it_is_written_back_then_it_stays_set() -> None:
    assert kept((a_container("512Mi", set_by_user=True),), (a_container("512Mi", set_by_user=True),)) == [True]


def test_given_a_default_limit_when_another_is_written_then_it_is_set() -> None:
    assert kept((a_container("256Mi", set_by_user=True),), (a_container("512Mi", set_by_user=False),)) == [True]


def test_given_containers_that_changed_places_when_written_back_then_they_are_matched_by_name() -> None:
    old = (a_container("512Mi", set_by_user=False, name="a"), a_container("512Mi", set_by_user=True, name="b"))
    new = (a_container("512Mi", set_by_user=True, name="b"), a_container("512Mi", set_by_user=True, name="a"))
    assert kept(new, old) == [True, False]


def test_given_a_container_that_is_new_when_written_then_its_limit_is_its_own() -> None:
    old = (a_container("512Mi", set_by_user=False),)
    new = (a_container("512Mi", set_by_user=True), a_container("512Mi", set_by_user=True))
    assert kept(new, old) == [False, True]
