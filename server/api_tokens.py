"""API tokens: the keys of machines, shown once and kept as a hash.

A token acts with one role, for as long as its account holds that role: what is taken from
somebody is taken from her machines at their next request.
"""

import secrets
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Array, Bytea, Text, Timestamptz

from server import audit
from server.accounts import digest
from server.audit import Actor, ActorKind
from server.database import NOWHERE, Record, atomic, one, scoped, sql
from server.errors import Invalid, NotFound
from server.i18n import lazy
from server.workspaces import STRONGEST, Role, covers

SCOPES = ("read", "write", "door")
TOKEN_PREFIX = "apero_pat_"  # noqa: S105 - published for secret scanners
TOKEN_LIFE = timedelta(days=365)
USED_EVERY = timedelta(minutes=5)
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class ApiToken(Record):
    """A key for a machine, acting with one role."""

    account_id = UuidColumn()
    name = Text()
    role = Text()
    scopes = Array(base_column=Text())
    token_hash = Bytea()
    hint = Text()
    created_at = Timestamptz()
    expires_at = Timestamptz()
    last_used_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)


class TokenLine(msgspec.Struct):
    """A token as listed: never the token itself."""

    id: UUID
    name: str
    role: Role
    scopes: list[str]
    hint: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


# Rules


def new_token(prefix: str = TOKEN_PREFIX) -> str:
    """256 random bits behind a known prefix, with a checksum scanners can test."""
    body = "".join(secrets.choice(_BASE62) for _ in range(43))
    return prefix + body + checksum(prefix + body)


def checksum(text: str) -> str:
    """CRC-32 in six base-62 figures."""
    number, figures = zlib.crc32(text.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        figures = _BASE62[rest] + figures
    return figures


# Commands


@atomic()
async def issue_token(
    name: str, role: Role, scopes: list[str], *, account_id: UUID, by: Actor, now: datetime
) -> str:
    """Make a token; the only time it is seen."""
    if by.role in STRONGEST and not covers(Role(by.role), role):
        raise Invalid(role=lazy("A token cannot do more than you can."))
    if not scopes or not set(scopes) <= set(SCOPES):
        raise Invalid(scopes=lazy("Choose at least one of the answers offered."))
    token = new_token()
    await ApiToken(
        workspace_id=by.workspace_id,
        account_id=account_id,
        name=name,
        role=role.value,
        scopes=scopes,
        token_hash=digest(token),
        hint=token[-4:],
        created_at=now,
        expires_at=now + TOKEN_LIFE,
    ).save()
    await audit.note(by, "issued_token", at=now)
    return token


@atomic()
async def revoke_token(token_id: UUID, *, by: Actor, now: datetime) -> None:
    """End a token; it is refused from the next request on."""
    row = await one(
        "UPDATE api_token SET revoked_at = $2 WHERE workspace_id = $3 AND id = $1"
        " AND revoked_at IS NULL RETURNING id",
        token_id,
        now,
        by.workspace_id,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "revoked_token", at=now)


# Queries


async def token_bearer(token: str, *, now: datetime) -> tuple[Actor, UUID] | None:
    """Who an API token acts as, and its account; None for a token that opens nothing."""
    if not token.startswith(TOKEN_PREFIX) or checksum(token[:-6]) != token[-6:]:
        return None
    hashed = digest(token)
    async with scoped(NOWHERE, presented=hashed):
        row = await one(
            "SELECT t.id, t.workspace_id, t.account_id, t.role, t.scopes, t.last_used_at"
            " FROM api_token t JOIN workspace w ON w.id = t.workspace_id"
            " JOIN account a ON a.id = t.account_id"
            " WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND t.expires_at > $2"
            " AND w.archived_at IS NULL AND a.disabled_at IS NULL",
            hashed,
            now,
        )
    if row is None:
        return None
    actor = Actor(
        ActorKind.TOKEN,
        scope=frozenset({row["workspace_id"]}),
        id=row["id"],
        role=row["role"],
        scopes=frozenset(row["scopes"]),
    )
    if not await _still_covered(actor, row, now=now):
        return None
    return actor, row["account_id"]


async def _still_covered(actor: Actor, row: Mapping[str, Any], *, now: datetime) -> bool:
    """A token does no more than its account may do now; notes that it was used."""
    async with scoped(actor):
        held = await sql(
            "SELECT role FROM membership WHERE workspace_id = $1 AND account_id = $2"
            " AND ended_at IS NULL",
            row["workspace_id"],
            row["account_id"],
        )
        if not any(covers(Role(one_["role"]), Role(row["role"])) for one_ in held):
            return False
        if row["last_used_at"] is None or now - row["last_used_at"] > USED_EVERY:
            await sql(
                "UPDATE api_token SET last_used_at = $2 WHERE workspace_id = $3 AND id = $1",  # noqa: E501
                row["id"],
                now,
                row["workspace_id"],
            )
    return True


async def tokens() -> list[TokenLine]:
    """The live tokens of the workspace in view."""
    return await sql(
        "SELECT id, name, role, scopes, hint, created_at, expires_at, last_used_at"
        " FROM api_token WHERE revoked_at IS NULL ORDER BY id DESC LIMIT 200",
        into=TokenLine,
    )
