"""The query of a URL: which fields a method knows, and what they may say."""

from __future__ import annotations

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.http.router import Handler

# What every method of Google's APIs takes, beside names that begin with `$`.
# Source: "parameters" in the discovery document of any API (https://run.googleapis.com/$discovery/rest?version=v2).
_EVERYWHERE = frozenset(
    {
        "access_token",
        "alt",
        "callback",
        "fields",
        "key",
        "oauth_token",
        "prettyPrint",
        "quotaUser",
        "uploadType",
        "upload_protocol",
    }
)


def only(names: str, handler: Handler) -> Handler:
    """A handler that refuses fields which its method does not know: what is misspelt must not be done without.
    `names` are separated by spaces."""
    known = _EVERYWHERE | frozenset(names.split())

    async def checked(request: Request) -> Response:
        fields = request.query_fields()
        for name in fields:
            if name not in known and not name.startswith("$"):
                shown = name[:100]
                raise InvalidArgument(
                    f'Invalid JSON payload received. Unknown name "{shown}": Cannot bind query parameter. '
                    f"Field '{shown}' could not be found in request message.",
                    violations=[FieldViolation(field=shown, description="this method has no such parameter")],
                )
        if fields.get("alt", "json") not in ("json", ""):
            raise _wrong("alt", "enum", fields["alt"], "only json is spoken here")
        return await handler(request)

    return checked


def flag(request: Request, name: str) -> bool:
    """A boolean field. Raises InvalidArgument."""
    text = request.query_fields().get(name, "false")
    if text.lower() in ("true", "1"):
        return True
    if text.lower() in ("false", "0", ""):
        return False
    raise _wrong(name, "TYPE_BOOL", text, f"not a boolean: {text[:40]!r}")


def number(request: Request, name: str, *, digits_max: int = 9) -> int:
    """A whole number, 0 if the field is not there; it may be negative. Raises InvalidArgument."""
    text = request.query_fields().get(name, "")
    digits = text.removeprefix("-")
    if not text:
        return 0
    if digits.isascii() and digits.isdigit() and len(digits) <= digits_max:
        return int(text)
    raise _wrong(name, "TYPE_INT32", text, f"not a whole number: {text[:40]!r}")


def count(text: str, name: str) -> int:
    """A whole number that is not negative, of at most 15 digits. Raises InvalidArgument."""
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise _wrong(name, "TYPE_INT64", text, "not a whole number from 0 on")
    return int(text)


def _wrong(name: str, type_name: str, text: str, description: str) -> InvalidArgument:
    violation = FieldViolation(field=name, description=description)
    return InvalidArgument(f"Invalid value at '{name}' ({type_name}), \"{text[:40]}\"", violations=[violation])
