"""Functions in Python that answer for a mock: `FILE.py:FUNCTION` beside the file of cases, or `MODULE:FUNCTION`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from hakobune.testing.workflows.mocks import Answering


class FunctionNotFound(Exception):
    """There is no such function."""


def load_function(name: str, folder: Path) -> Answering:
    """The function of this name. Raises FunctionNotFound."""
    place, _, attribute = name.rpartition(":")
    if not place or not attribute:
        raise FunctionNotFound(f"'{name}' does not name a function")
    try:
        module = _of_file(folder / place) if place.endswith(".py") else importlib.import_module(place)
    except (ImportError, OSError, SyntaxError) as error:
        raise FunctionNotFound(f"'{place}' cannot be imported: {error}") from error
    function: Answering | None = getattr(module, attribute, None)
    if not callable(function):
        raise FunctionNotFound(f"'{place}' has no function '{attribute}'")
    return function


def _of_file(path: Path) -> ModuleType:
    """The module of a file, read once; files of the same name in other folders are others."""
    path = path.resolve()
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    name = f"hakobune_test_{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
