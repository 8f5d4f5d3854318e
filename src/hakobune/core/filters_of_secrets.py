"""The fields by which secrets and their versions can be filtered.

Source: https://cloud.google.com/secret-manager/docs/filtering.
"""

from __future__ import annotations

from hakobune.core.filters import Field, Fields, FieldType, TextMap
from hakobune.core.identity.secrets import Secret, SecretVersion, VersionState

SECRET_FIELDS: Fields[Secret] = {
    "name": Field(type=FieldType.TEXT, values=lambda secret: (secret.name.secret,)),
    "createTime": Field(type=FieldType.INSTANT, values=lambda secret: (round(secret.create_s, 6),)),
    "expireTime": Field(
        type=FieldType.INSTANT,
        values=lambda secret: () if secret.expire_s is None else (round(secret.expire_s, 6),),
    ),
    "labels": TextMap(texts=lambda secret: secret.labels),
    "annotations": TextMap(texts=lambda secret: secret.annotations),
}
VERSION_FIELDS: Fields[SecretVersion] = {
    "name": Field(type=FieldType.TEXT, values=lambda version: (version.name,)),
    "state": Field(type=FieldType.CHOICE, values=lambda version: (version.state.value,), names=frozenset(VersionState)),
    "createTime": Field(type=FieldType.INSTANT, values=lambda version: (round(version.create_s, 6),)),
}
