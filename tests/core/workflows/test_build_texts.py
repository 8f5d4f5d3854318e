"""Problems for people: the line of the source, a mark under the place, what to do."""

import pytest

from hakobune.core.workflows import problem_texts
from hakobune.core.workflows.positions import Position, Problem
from hakobune.core.workflows.problem_texts import place_text, problem_text, source_lines


def a_problem(line: int = 1, column: int = 1, remedy: str = "") -> Problem:
    return Problem(rule="rule", message="it is wrong", position=Position(line, column, 3), remedy=remedy)


def marked(line: str, column: int) -> tuple[str, str]:
    """The line and the mark below it."""
    _, shown, mark = problem_text(a_problem(column=column), [line]).split("\n")
    return shown, mark


def test_given_the_name_of_a_file_when_told_then_the_place_can_be_opened_by_editors() -> None:
    assert problem_text(a_problem(2, 3, "do it"), ["a", "  bcd"], name="w.yaml") == (
        "w.yaml:2:3: it is wrong [rule]\n      bcd\n      ^\n  do it"
    )


def test_given_a_problem_that_was_told_when_its_place_is_wanted_then_the_message_is_not_repeated() -> None:
    assert place_text(a_problem(), ["abc"]) == "line 1:1 [rule]\n    abc\n    ^"


@pytest.mark.parametrize(
    ("line", "column", "mark_at"),
    [
        ("abc", 1, 0),
        ("abc", 3, 2),
        ("abc", 4, 3),  # behind the end
        ("abc", 40, 3),
        ("ééé x", 5, 4),
        ("日本 x", 4, 5),  # wide characters take two cells
        ("🙂 x", 3, 3),
        ("ｆ x", 3, 3),
        ("e\u0301 x", 4, 2),  # a combining accent takes none
        ("\tx", 2, 1),  # a tab is shown as one blank
        ("a\u202ex", 3, 2),  # what turns the direction of text round is not sent to a terminal
    ],
)
def test_given_characters_of_any_width_when_told_then_the_mark_stands_under_the_place(
    line: str, column: int, mark_at: int
) -> None:
    shown, mark = marked(line, column)
    assert mark == " " * (4 + mark_at) + "^"
    assert "\t" not in shown
    assert "\u202e" not in shown


def test_given_a_long_line_when_told_then_it_is_cut_around_the_place() -> None:
    line = "".join(f"{number:03d}," for number in range(500))
    shown, mark = marked(line, line.index("250") + 1)
    assert len(shown) <= 4 + 102
    assert shown.startswith("    …")
    assert shown.endswith("…")
    assert shown[mark.index("^") :].startswith("250")
    shown, mark = marked(line, 1)
    assert shown.startswith("    000,")
    assert shown.endswith("…")
    shown, mark = marked(line, len(line))
    assert shown.endswith("499,")
    assert shown[mark.index("^") :] == ","


def test_given_a_long_line_of_wide_characters_when_told_then_it_fits_too() -> None:
    line = "日" * 300 + "x" + "本" * 300
    shown, mark = marked(line, 301)
    assert shown[5:].index("x") * 2 == mark.index("^") - 5
    assert len(shown.strip()) <= 60


@pytest.mark.parametrize("lines", [[], [""], ["   "]])
def test_given_no_line_to_show_when_told_then_only_the_message_and_the_remedy_are_there(lines: list[str]) -> None:
    assert problem_text(a_problem(remedy="do it"), lines) == "line 1:1: it is wrong [rule]\n  do it"


def test_given_a_source_when_split_then_lines_are_those_that_positions_count() -> None:
    assert source_lines("\ufeffa\r\nb\rc\nd\x85e\u2028f\x0cg") == ["a", "b", "c", "d\x85e\u2028f\x0cg"]


def test_given_a_line_of_a_whole_file_when_told_then_only_what_is_around_the_place_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[str] = []
    real = problem_texts._visible

    def visible(character: str) -> str:
        looked_at.append(character)
        return real(character)

    monkeypatch.setattr(problem_texts, "_visible", visible)
    shown, mark = marked("a" * 60_000 + "Z" + "b" * 60_000, 60_001)
    assert len(looked_at) <= 400
    assert (shown.strip()[0], shown[-1], shown[mark.index("^")]) == ("…", "…", "Z")
