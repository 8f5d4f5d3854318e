"""Names and numbers of service accounts."""

from __future__ import annotations

import pytest

from hakobune.core.errors import InvalidArgument
from hakobune.core.identity import accounts


def test_given_an_address_then_its_number_is_always_the_same_and_has_21_digits() -> None:
    number = accounts.unique_id("a@b.iam.gserviceaccount.com")
    assert number == accounts.unique_id("a@b.iam.gserviceaccount.com") != accounts.unique_id("c@d.e")
    assert len(number) == 21
    assert number.isdigit()
    assert number[0] == "1"


@pytest.mark.parametrize("project", ["demo", "example.com:app"])
def test_given_a_project_then_addresses_name_it(project: str) -> None:
    email = accounts.email_of(project, "batch-runner")
    assert accounts.check_email(email, field="email") == email
    assert accounts.project_of_email(email) == project
    assert accounts.AccountName.make("-", email).account == email


def test_given_an_address_of_another_kind_then_it_names_no_project() -> None:
    assert accounts.project_of_email("123-compute@developer.gserviceaccount.com") == ""
    assert accounts.is_default("developer@demo.iam.gserviceaccount.com", "demo")
    assert not accounts.is_default("developer@demo.iam.gserviceaccount.com", "other")


@pytest.mark.parametrize(
    "value", ["", "short", "Upper-case", "1-digit-first", "ends-with-", "a" * 31, "with.dot", "ä" * 8]
)
def test_given_an_id_that_cannot_be_one_then_it_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument):
        accounts.check_account_id(value)


@pytest.mark.parametrize(
    "value", ["", "a", "a@", "@b", "a@b/c", "../a@b", "a@b\0", "a b@c", "A@b.c", "a@b@c", "a" * 300 + "@b"]
)
def test_given_a_text_that_is_no_address_then_it_is_refused(value: str) -> None:
    with pytest.raises(InvalidArgument):
        accounts.AccountName.make("demo", value)
