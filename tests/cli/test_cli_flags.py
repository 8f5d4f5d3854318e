"""The grammar of command lines."""

from __future__ import annotations

import pytest

from hakobune.cli.errors import UsageError
from hakobune.cli.flags import Arguments, Command, Flag, Positional, parse

COMMAND = Command(
    lambda session, arguments: None,
    "",
    positionals=[Positional("job", "", required=False)],
    flags=[
        Flag("--tasks", "number", "", at_least=1),
        Flag("--wait", "switch", ""),
        Flag("--async", "switch", ""),
        Flag("--args", "list", "", scoped=True),
        Flag("--update-env-vars", "map", "", scoped=True),
        Flag("--task-timeout", "duration", "", at_least=1),
        Flag("--retry-backoff", "seconds", ""),
        Flag("--add-volume", "fields", ""),
        Flag("--order", "choice", "", choices=("asc", "desc")),
        Flag("--container", "text", ""),
        Flag("--key", "text", "", refusal="nothing is encrypted here"),
    ],
    exclusive=[("--async", "--execute-now+--wait")],
)


def read(*tokens: str) -> Arguments:
    return parse(COMMAND, tokens)


@pytest.mark.parametrize(
    ("tokens", "name", "value"),
    [
        (["--tasks=3"], "tasks", 3),
        (["--tasks", "3"], "tasks", 3),
        (["--tasks", "2", "--tasks", "3"], "tasks", 3),
        (["--wait"], "wait", True),
        (["--no-wait"], "wait", False),
        (["--wait", "--no-wait"], "wait", False),
        (["--args=-a,b"], "args", ["-a", "b"]),
        (["--args="], "args", []),
        (["--args", ""], "args", []),
        (["--args=^:^a,b:c"], "args", ["a,b", "c"]),
        (["--args=a", "--args=b"], "args", ["a", "b"]),
        (["--update-env-vars", "A=1,B=x=y"], "update-env-vars", {"A": "1", "B": "x=y"}),
        (["--update-env-vars=A=1", "--update-env-vars=B=2"], "update-env-vars", {"A": "1", "B": "2"}),
        (["--update-env-vars=^;^A=1,2;B=3"], "update-env-vars", {"A": "1,2", "B": "3"}),
        (["--task-timeout=605"], "task-timeout", 605),
        (["--task-timeout=1h5m10s"], "task-timeout", 3910),
        (["--task-timeout=2D"], "task-timeout", 172800),
        (["--retry-backoff=0.5"], "retry-backoff", 0.5),
        (['--add-volume=name=v,mount-options="a=1,b=2"'], "add-volume", [{"name": "v", "mount-options": "a=1,b=2"}]),
        (["--order", "asc"], "order", "asc"),
        (["--project", "p9"], "project", "p9"),
        (["-q"], "quiet", True),
        (["--no-user-output-enabled"], "user-output-enabled", False),
    ],
)  # fmt: skip
def test_a_flag_is_read_in_every_spelling(tokens: list[str], name: str, value: object) -> None:
    assert read(*tokens).values == {name: value}


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["--task=3"], "unrecognized arguments: --task=3 (did you mean '--tasks'?)"),
        (["--zzzzz"], "unrecognized arguments: --zzzzz"),
        (["a", "b"], "unrecognized arguments: b"),
        (["a", "--", "b"], "unrecognized arguments: b"),
        (["--tasks=zero"], "argument --tasks: Value must be an integer; received: zero"),
        (["--tasks=1.5"], "argument --tasks: Value must be an integer; received: 1.5"),
        (["--tasks=0"], "argument --tasks: Value must be greater than or equal to 1; received: 0"),
        (["--tasks", "-1"], "argument --tasks: Value must be greater than or equal to 1; received: -1"),
        (["--tasks"], "argument --tasks: expected one argument"),
        (["--args", "-a"], "argument --args: expected one argument"),
        (["--wait=3"], "argument --wait: ignored explicit argument '3'"),
        (["--no-tasks"], "unrecognized arguments: --no-tasks"),
        (["--update-env-vars=A"], "argument --update-env-vars: Bad syntax for dict arg: [A]"),
        (["--task-timeout=5x"], "argument --task-timeout: Failed to parse duration: Unknown character 'X' in duration"),
        (["--task-timeout=0"], "argument --task-timeout: value must be greater than or equal to 1s; received: 0"),
        (["--task-timeout=m"], "argument --task-timeout: Failed to parse duration"),
        (["--task-timeout="], "argument --task-timeout: Failed to parse duration"),
        (["--task-timeout=1.5"], "argument --task-timeout: value must be whole seconds"),
        (["--retry-backoff=-1"], "argument --retry-backoff: Value must be a number of seconds"),
        (["--retry-backoff=nan"], "argument --retry-backoff: Value must be a number of seconds"),
        (['--add-volume=name="v'], "argument --add-volume: A double quote is not closed"),
        (["--order=up"], "argument --order: Invalid choice: 'up'. Valid choices are [asc, desc]"),
        (["--verbosity=loud"], "argument --verbosity: Invalid choice: 'loud'"),
        (["--async", "--wait"], "argument --async: At most one of --async | --execute-now --wait can be specified"),
        (["--key=k"], "argument --key: not available here: nothing is encrypted here"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tokens: list[str], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(*tokens)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_given_containers_when_flags_follow_them_then_each_belongs_to_its_container() -> None:
    arguments = read("j", "--args=top", "--container", "a", "--args=x", "--container=b", "--args=y", "--tasks", "2")
    assert arguments.words("args") == ["top"]
    assert [(name, scope.values) for name, scope in arguments.containers] == [
        ("a", {"args": ["x"]}),
        ("b", {"args": ["y"]}),
    ]
    assert arguments.number("tasks") == 2


def test_an_argument_may_stand_before_between_and_after_flags() -> None:
    for tokens in (["j", "--wait"], ["--wait", "j"], ["--tasks", "2", "j", "--wait"]):
        assert read(*tokens).word("job") == "j"


def test_what_was_not_given_reads_as_empty() -> None:
    arguments = read()
    assert (arguments.text("order"), arguments.number("tasks"), arguments.switch("wait")) == ("", None, False)
    assert (arguments.words("args"), arguments.pairs("update-env-vars"), arguments.word("job")) == ([], {}, "")
    assert not arguments.given("tasks")


def test_a_value_that_begins_with_a_dash_is_shown_with_its_equals_sign() -> None:
    with pytest.raises(UsageError, match=r"--args: expected one argument; .* written with =: --args=-c,print$"):
        read("job", "--args", "-c,print")
    for known in (["--args", "--wait"], ["--args"], ["--args", "--", "x"], ["--args", "-q"]):
        with pytest.raises(UsageError, match=r"argument --args: expected one argument$"):
            read("job", *known)


def test_unrecognized_arguments_are_named_in_the_order_of_the_line() -> None:
    with pytest.raises(UsageError, match=r"unrecognized arguments: --task \(did you mean '--tasks'\?\) 5 --x y$"):
        read("job", "--task", "5", "--x", "--", "y")


SHORT = Command(
    lambda session, arguments: None,
    "",
    positionals=[Positional("source", "", repeats=True), Positional("destination", "")],
    flags=[
        Flag("--recursive", "switch", "", short="-r|-R"),
        Flag("--long", "switch", "", short="-l"),
        Flag("--range", "text", "", short="-f"),
    ],
)


@pytest.mark.parametrize("tokens", [["-r", "-l"], ["-rl"], ["-lR"], ["--recursive", "-l"]])
def test_short_names_may_stand_together(tokens: list[str]) -> None:
    found = parse(SHORT, [*tokens, "a", "b"])
    assert (found.switch("recursive"), found.switch("long")) == (True, True)


def test_a_short_name_of_a_command_wins_over_a_common_one_and_takes_a_value() -> None:
    found = parse(SHORT, ["-f", "-5", "a", "b"])
    assert found.text("range") == "-5"


@pytest.mark.parametrize("token", ["-rx", "-x", "-lf"])
def test_a_short_name_that_is_unknown_or_wants_a_value_does_not_hide_in_others(token: str) -> None:
    with pytest.raises(UsageError):
        parse(SHORT, [token, "a", "b"])


def test_arguments_that_repeat_leave_one_for_the_last() -> None:
    found = parse(SHORT, ["a", "b", "c"])
    assert (found.positionals["source"], found.word("destination")) == (["a", "b"], "c")


@pytest.mark.parametrize("words", [[], ["a"]])
def test_arguments_that_are_missing_are_named(words: list[str]) -> None:
    with pytest.raises(UsageError, match="Must be specified"):
        parse(SHORT, words)
