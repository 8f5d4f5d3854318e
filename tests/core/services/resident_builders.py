"""Residents and revisions that name only what a case is about."""

from __future__ import annotations

from typing import Any

from hakobune.core.containers import Container
from hakobune.core.services.decide import Fresh
from hakobune.core.services.model import Member, Resident, ResidentDraft, Revision, RevisionState, Template
from hakobune.core.services.names import Kind, ResidentName

SERVICE = ResidentName(kind=Kind.SERVICE, project="p", location="l", id="web")
POOL = ResidentName(kind=Kind.POOL, project="p", location="l", id="crew")


def a_template(**fields: Any) -> Template:
    limits = fields.pop("limits", {})
    container = Container(image="local", command=("x",), limits=limits)
    return Template(members=(Member(container=container),), **fields)


def a_draft(**fields: Any) -> ResidentDraft:
    return ResidentDraft(template=fields.pop("template", a_template()), **fields)


def a_service(name: ResidentName = SERVICE, **fields: Any) -> Resident:
    fields.setdefault("template", a_template())
    fields.setdefault("is_reconciling", False)
    return Resident(name=name, uid="u", etag="e", create_time_s=1.0, update_time_s=1.0, **fields)


def a_pool(**fields: Any) -> Resident:
    return a_service(POOL, **fields)


def a_revision(revision: str, owner: ResidentName = SERVICE, **fields: Any) -> Revision:
    fields.setdefault("template", a_template())
    fields.setdefault("state", RevisionState.READY)
    return Revision(
        name=owner.revision(revision),
        uid=fields.pop("uid", revision),
        resident_uid="u",
        number=fields.pop("number", 1),
        etag="e",
        create_time_s=fields.pop("create_time_s", 1.0),
        update_time_s=1.0,
        state_time_s=fields.pop("state_time_s", 1.0),
        **fields,
    )


def fresh(number: int = 1) -> Fresh:
    return Fresh(
        resident_uid="u",
        revision_uid=f"r{number}",
        suffix="abc",
        etag=f"e{number}",
        revision_etag="re",
        account="me@example.com",
    )
