"""What no execution may take of the machine, whatever `--limits` says. Each case would fit into memory without a bound:
a bound that is gone fails the test, not the machine.
"""

from __future__ import annotations

import pytest
from stage import begin

from hakobune.core.workflows.limits import NO_LIMITS
from hakobune.core.workflows.outcomes import Failed, Succeeded

MEBI = 1_048_576

# A text of 4 Mi characters, within the ceiling.
LARGE = """\
- begin: {assign: [{s: "0123456789abcdef"}]}
- grow: {for: {value: i, range: [1, 18], steps: [{twice: {assign: [{s: '${s + s}'}]}}]}}
"""

ZEROS = LARGE.replace("0123456789abcdef", "0000000000000000")

TOO_MUCH = [
    (
        "a text that doubles",
        (
            '- begin: {assign: [{s: "0123456789abcdef"}]}\n'
            "- grow: {for: {value: i, range: [1, 23], steps: [{twice: {assign: [{s: '${s + s}'}]}}]}}\n"
        ),
    ),
    ("a text made within one expression", LARGE + "- r: {return: '${len(s + s + s + s + s + s + s + s)}'}\n"),
    (
        "a list that doubles",
        (
            "- begin: {assign: [{l: ['0123456789abcdef']}]}\n"
            "- grow: {for: {value: i, range: [1, 22], steps: [{twice: {assign: [{l: ['${l}', '${l}']}]}}]}}\n"
        ),
    ),
    ("one list many times", LARGE + f"- many: {{assign: [{{l: [{', '.join(['${s}'] * 12)}]}}]}}\n"),
    ("many variables", LARGE + "- many: {assign: [" + ", ".join(f"{{v{n}: '${{s + \"{n}\"}}'}}" for n in range(18))
     + "]}\n"),
    ("a result", LARGE + f"- r: {{return: [{', '.join(['${s}'] * 12)}]}}\n"),
    ("texts of texts", LARGE + "- r: {return: '${len(json.encode_to_string(json.encode_to_string([s, s, s, s, s])))}'}\n"),
    ("the parts of a text", ZEROS + "- r: {return: '${len(text.split(s, \"0\"))}'}\n"),
    ("places in a text", ZEROS + "- r: {return: '${len(text.find_all(s, \"0\"))}'}\n"),
    ("matches in a text", ZEROS + "- r: {return: '${len(text.find_all_regex(s, \"0\"))}'}\n"),
]  # fmt: skip


@pytest.mark.parametrize("source", [source for _, source in TOO_MUCH], ids=[name for name, _ in TOO_MUCH])
def test_given_no_limits_when_an_execution_outgrows_the_machine_then_it_alone_fails(source: str) -> None:
    outcome = begin(f"main:\n  steps:\n{_indented(source)}", limits=NO_LIMITS).outcome
    assert isinstance(outcome, Failed), "it succeeded"
    assert outcome.error.context.startswith("ResourceLimitError: "), outcome.error.context[:200]


def test_given_no_limits_when_it_is_above_those_of_the_service_then_it_goes_on() -> None:
    source = f"main:\n  steps:\n{_indented(LARGE)}    - r: {{return: '${{len(s)}}'}}\n"
    assert begin(source, limits=NO_LIMITS).outcome == Succeeded(result=str(4 * MEBI))


def _indented(steps: str) -> str:
    return "".join(f"    {line}\n" for line in steps.splitlines())
