"""Whatever stands in a file of cases: it is read, or told to be wrong."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hakobune.testing.workflows import case_files
from hakobune.testing.workflows.case_files import CaseFile, CaseFileInvalid, read_case_file
from hakobune.testing.workflows.results import Session

KEYS = sorted(
    {
        *case_files.FILE_KEYS,
        *case_files.CASE_KEYS,
        *case_files.MOCK_KEYS,
        *case_files.EXPECT_KEYS,
        *case_files.CALL_KEYS,
        *case_files.ERROR_KEYS,
    }
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=25,
)
CASES = st.lists(st.dictionaries(st.sampled_from(case_files.CASE_KEYS), VALUES, max_size=4), max_size=3)
WORKFLOW = "main: {params: [a], steps: [{get: {call: http.get, args: {url: 'https://a.example'}}}]}"


def read(path: Path) -> CaseFile | CaseFileInvalid:
    try:
        return read_case_file(path)
    except CaseFileInvalid as error:
        return error


@settings(max_examples=150, deadline=None)
@given(VALUES | st.fixed_dictionaries({"workflow": st.just("flow.yaml"), "cases": CASES}))
def test_any_document_is_read_and_run_or_told_to_be_wrong(document: object) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "flow.yaml").write_text(WORKFLOW)
        path = folder / "flow_test.json"
        path.write_text(json.dumps(document))
        file = read(path)
        if isinstance(file, CaseFileInvalid):
            assert file.problems
            assert all(problem.position.line >= 1 for problem in file.problems)
            return
        session = Session()
        session.run_file(file, is_chosen=lambda _: True, tell=lambda _: None)
        assert len(session.results) == len(file.cases)
        assert not any("Traceback" in result.message() for result in session.results)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"a: &a [*a]", b"a: &a {b: *a}", b"[" * 500, b"\x00"])
def test_bytes_that_are_no_document_are_told_to_be_wrong(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "flow_test.yaml"
    path.write_bytes(data)
    with pytest.raises(CaseFileInvalid):
        read_case_file(path)
