"""Results as JUnit's XML, which build servers read.

Source of the form: the schema that the Surefire plug-in of Apache Maven publishes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from hakobune.testing.workflows.results import CaseResult

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_text(results: Sequence[CaseResult]) -> str:
    """A document with a suite for each file and a case for each case."""
    root = Element("testsuites", _counts(results))
    for file, group in groupby(results, key=lambda result: result.file):
        of_file = list(group)
        suite = SubElement(root, "testsuite", {"name": str(file), **_counts(of_file)})
        for result in of_file:
            case = SubElement(
                suite,
                "testcase",
                {
                    "classname": _clean(file.stem),
                    "name": _clean(result.case.name),
                    "file": str(file),
                    "line": str(result.case.line),
                    "time": f"{result.took_s:.6f}",
                },
            )
            if not result.is_good:
                first = result.failures[0].partition("\n")[0]
                failure = SubElement(case, "failure", {"message": _clean(first), "type": "CaseFailed"})
                failure.text = _clean(result.message())
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _counts(results: Sequence[CaseResult]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(sum(not result.is_good for result in results)),
        "errors": "0",
        "skipped": "0",
        "time": f"{sum(result.took_s for result in results):.6f}",
    }


def _clean(text: str) -> str:
    """Without the characters that XML cannot have."""
    return _NOT_XML.sub("�", text)
