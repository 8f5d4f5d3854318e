"""`auth list | print-access-token | print-identity-token | rotate-keys`."""

from __future__ import annotations

import json

from hakobune.cli.document import as_dict, is_dict, number_at, text_at
from hakobune.cli.errors import CommandError
from hakobune.cli.flags import LIST_FLAGS, Arguments, Command, Flag
from hakobune.cli.format.records import Record
from hakobune.cli.iam.accounts import account_path
from hakobune.cli.pages import items, target
from hakobune.cli.run_api import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# The audience of tokens that gcloud prints for people who name none: its own client id.
_DEFAULT_AUDIENCE = "32555940559.apps.googleusercontent.com"
_ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default"
_IMPERSONATED = Flag("--impersonate-service-account", "text", "The account that the token is of.", metavar="ACCOUNT")


def _print_access_token(session: Session, arguments: Arguments) -> None:
    account = arguments.text("impersonate-service-account")
    if account:
        body: dict[str, object] = {"scope": arguments.words("scopes") or [_SCOPE]}
        if arguments.given("lifetime"):
            body["lifetime"] = f"{arguments.number('lifetime')}s"
        answer = session.call("POST", target(account_path(account), verb="generateAccessToken"), body)
        token = text_at(answer, "accessToken")
    else:
        # The token of the environment is what this command line sends; without one, a fresh one of the default account.
        token = session.token_header().get("Authorization", "").removeprefix("Bearer ")
        token = token or text_at(json.loads(_metadata(session, "token")), "access_token")
    session.console.answer(f"{token}\n")


def _print_identity_token(session: Session, arguments: Arguments) -> None:
    account = arguments.text("impersonate-service-account")
    audience = arguments.text("audiences") or _DEFAULT_AUDIENCE
    if account:
        body = {"audience": audience, "includeEmail": arguments.switch("include-email")}
        answer = session.call("POST", target(account_path(account), verb="generateIdToken"), body)
        token = text_at(answer, "token")
    else:
        form = arguments.text("token-format") or "standard"
        token = _metadata(session, f"identity?audience={quoted(audience)}&format={form}")
    session.console.answer(f"{token}\n")


def _metadata(session: Session, name: str) -> str:
    """What the metadata server says of the default account. Raises CommandError."""
    headers = {"Metadata-Flavor": "Google", **session.token_header()}
    answer = session.client.request("GET", f"{_ACCOUNT}/{name}", headers=headers)
    text = answer.body.decode("utf-8", "replace")
    if answer.status != 200:
        try:
            found: object = json.loads(text)
        except ValueError:
            found = None
        said = text_at(as_dict(found), "error", "message") if is_dict(found) else text[:200]
        raise CommandError(said or f"The runtime answered {answer.status}.")
    return text


def _list(session: Session, arguments: Arguments) -> Iterator[Record]:
    active = _active(session)
    named = {text_at(account, "email") for account in items(session, f"projects/{session.project}/serviceAccounts",
                                                           "accounts")}  # fmt: skip
    wanted = arguments.text("filter-account")
    for account in sorted({active, *named}):
        if wanted in ("", account):
            yield Record({"account": account, "status": "ACTIVE" if account == active else ""})
    if not arguments.given("format"):
        session.console.say("\nTo act as another account, run a command with --impersonate-service-account=ACCOUNT.\n")


def _active(session: Session) -> str:
    """The account that calls: that of the environment's token, else the default one. Raises CommandError."""
    token = session.token_header().get("Authorization", "").removeprefix("Bearer ")
    if not token:
        return _metadata(session, "email")
    answer = session.client.request("GET", f"/oauth2/v3/tokeninfo?access_token={quoted(token)}")
    found = as_dict(json.loads(answer.body)) if answer.status == 200 else {}
    return text_at(found, "email") or _metadata(session, "email")


def _rotate(session: Session, arguments: Arguments) -> None:
    del arguments
    answer = session.call("POST", "/hakobune/v1/identity/keys:rotate", {})
    session.console.say(
        f"Key [{text_at(answer, 'keyId')}] signs from now on; {number_at(answer, 'published')} keys are accepted."
    )


LIST = Command(
    _list,
    "List the accounts that calls may be made as: the default one and those of the project; the one that is active is"
    " that of the environment's token, else the default one.",
    flags=[
        Flag("--filter-account", "text", "That account alone.", metavar="ACCOUNT"),
        *LIST_FLAGS,
    ],
    default_format="table[title='Credentialed Accounts'](status.yesno(yes='*', no=''):label=ACTIVE, account)",
    examples=[("The one that is active:",
               "hakobune auth list --filter=status:ACTIVE --format='value(account)'")],
)  # fmt: skip

PRINT_ACCESS_TOKEN = Command(
    _print_access_token,
    "Print an access token of the local issuer: that of the environment, else one of the default account, or one of the"
    " account that is named.",
    flags=[
        _IMPERSONATED,
        Flag("--scopes", "list", "With an account: the scopes of the token.", metavar="SCOPE"),
        Flag("--lifetime", "duration", "With an account: how long it is good; 1 hour by default.", metavar="TIME"),
    ],
    examples=[
        ("The one of this shell:", "hakobune auth print-access-token"),
        (
            "Of another account:",
            "hakobune auth print-access-token --impersonate-service-account batch@demo.iam.gserviceaccount.com",
        ),
    ],
)

PRINT_IDENTITY_TOKEN = Command(
    _print_identity_token,
    "Print an ID token of the local issuer, which tells a service who calls.",
    flags=[
        _IMPERSONATED,
        Flag("--audiences", "text", "Whom the token is for: the URL of the service.", metavar="AUDIENCE"),
        Flag("--include-email", "switch", "With an account: say its address."),
        Flag("--token-format", "choice", "With `full`: say where it was made.", choices=("standard", "full")),
    ],
    examples=[("For a service:", "hakobune auth print-identity-token --audiences https://ocr.example.com")],
)

ROTATE = Command(
    _rotate,
    "Make a new key for the local issuer. Tokens of older keys are accepted until they expire. (Hakobune only.)",
    examples=[("When a token may have been seen by others:", "hakobune auth rotate-keys")],
)
