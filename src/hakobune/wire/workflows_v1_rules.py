"""Rules that fields of workflows and of their executions share.

Source: the references of `Workflow` and `Execution`, https://cloud.google.com/workflows/quotas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hakobune.core.workflows import limits
from hakobune.wire.violations import Violations

_RESERVED_PREFIXES = ("GOOGLE", "WORKFLOWS")
_ACCOUNT = re.compile(r"(?:projects/[^/\s]{1,100}/serviceAccounts/)?[^/\s]{1,254}\Z")
_SHOWN_CHARACTERS = 120


def check_labels(labels: Mapping[str, str], path: str, found: Violations) -> None:
    """Count, keys and values of labels."""
    if len(labels) > limits.LABELS:
        found.add(path, f"has {len(labels)} labels: at most {limits.LABELS} are allowed")
        return
    bound = limits.LABEL_CHARACTERS
    for key, value in labels.items():
        where = _at(path, key)
        if not 0 < len(key) <= bound or not key[0].isalpha() or not _is_plain(key):
            found.add(
                where,
                f"keys of labels have 1 to {bound} lower-case letters, digits, '-' or '_', and begin with a letter",
            )
        if len(value) > bound or not _is_plain(value):
            found.add(where, f"values of labels have at most {bound} lower-case letters, digits, '-' or '_'")


def check_user_env_vars(variables: Mapping[str, str], path: str, found: Violations) -> None:
    """Count, names and sizes of the variables of a workflow."""
    if len(variables) > limits.USER_ENV_VARS:
        found.add(path, f"has {len(variables)} variables: at most {limits.USER_ENV_VARS} are allowed")
        return
    bound = limits.USER_ENV_VAR_BYTES
    for key, value in variables.items():
        where = _at(path, key)
        if not key:
            found.add(where, "a name must not be empty")
        if key.startswith(_RESERVED_PREFIXES):
            found.add(where, f"names that begin with {' or '.join(_RESERVED_PREFIXES)} are reserved")
        if max(len(key.encode()), len(value.encode())) > bound:
            found.add(where, f"names and values have at most {bound} bytes")


def check_description(text: str, path: str, found: Violations) -> None:
    """Its length in characters."""
    if len(text) > limits.DESCRIPTION_CHARACTERS:
        found.add(path, f"has {len(text)} characters: at most {limits.DESCRIPTION_CHARACTERS} are allowed")


def check_service_account(text: str, path: str, found: Violations) -> None:
    """`ACCOUNT` or `projects/P/serviceAccounts/ACCOUNT`; "-" stands for any project."""
    if text and not _ACCOUNT.match(text):
        found.add(path, "is neither ACCOUNT nor projects/PROJECT/serviceAccounts/ACCOUNT")


def _at(path: str, key: str) -> str:
    return f"{path}[{key[:_SHOWN_CHARACTERS]!r}]"


def _is_plain(text: str) -> bool:
    """Letters and digits of any script, none of them a capital, dashes, underscores."""
    return all((char.isalnum() and not char.isupper()) or char in "-_" for char in text)
