from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import hakobune.sdk as sdk

SOURCES = sorted(Path(sdk.__file__).parent.glob("*.py"))


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout


def test_given_the_package_when_imported_then_nothing_else_is() -> None:
    new = run("import sys; before = set(sys.modules)\nimport hakobune.sdk\nprint(*sorted(set(sys.modules) - before))")
    assert new.split() == ["hakobune", "hakobune.sdk"]


def test_given_every_name_when_first_used_then_it_is_there_and_stays_the_same() -> None:
    names = run(
        "import hakobune.sdk as sdk, hakobune.sdk.ledger, hakobune.sdk.leases, hakobune.sdk.rows\n"
        "for name in sdk.__all__:\n"
        "  first = getattr(sdk, name)\n"
        "  assert first is getattr(sdk, name) and name in dir(sdk)\n"
        "print(callable(sdk.lease), callable(sdk.progress), callable(sdk.log.info), callable(sdk.shutdown.install))"
    )
    assert names.split() == ["True"] * 4
    assert sdk.__all__ == sorted(sdk.__all__)


def test_given_a_name_that_is_none_when_used_then_it_is_an_attribute_error() -> None:
    assert not hasattr(sdk, "no_such_name")


def test_the_sdk_imports_the_standard_library_only() -> None:
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                is_ours = name == "hakobune.sdk" or name.startswith("hakobune.sdk.")
                assert is_ours or name.partition(".")[0] in sys.stdlib_module_names, f"{source.name} imports {name}"


def test_no_module_has_the_name_of_something_the_package_exports() -> None:
    """Else importing the module would put it in the place of the function."""
    modules = {source.stem for source in SOURCES}
    assert modules & set(sdk.__all__) == {"log", "shutdown", "worker"}
