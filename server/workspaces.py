"""Workspaces: one brand's private space, who works in it, and the keys of its machines.

One login moves between workspaces. A role is a membership row; ending it takes effect at
the next request. A token for the API is shown once and kept as a hash.
"""

import re
import secrets
import unicodedata
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn  # noqa: N811
from piccolo.columns import Array, Bytea, Integer, Text, Timestamptz

from server import accounts, audit, mail
from server.accounts import digest
from server.audit import Actor, ActorKind
from server.database import NOWHERE, Record, Row, atomic, one, scoped, sql, uuid7
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.i18n import LANGUAGES, Lazy, lazy, zone
from server.look import Look

SCOPES = ("read", "write", "door")
TOKEN_PREFIX = "apero_pat_"  # noqa: S105 - published for secret scanners
TOKEN_LIFE = timedelta(days=365)
USED_EVERY = timedelta(minutes=5)
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Role(StrEnum):
    OWNER = "owner"
    MANAGER = "manager"
    MODERATOR = "moderator"
    AMBASSADOR = "ambassador"
    DOOR = "door"
    SPONSOR = "sponsor"
    DEPARTMENT = "department"
    ATTENDEE = "attendee"


OWNERS = frozenset({Role.OWNER})
ORGANISERS = frozenset({Role.OWNER, Role.MANAGER})
TEAM = frozenset({Role.OWNER, Role.MANAGER, Role.MODERATOR})
DOOR_STAFF = frozenset({Role.OWNER, Role.MANAGER, Role.MODERATOR, Role.DOOR})
STRONGEST = tuple(Role)
ROLE_NAMES = {
    Role.OWNER: lazy("owner"),
    Role.MANAGER: lazy("organiser"),
    Role.MODERATOR: lazy("moderator"),
    Role.AMBASSADOR: lazy("ambassador"),
    Role.DOOR: lazy("at the door"),
    Role.SPONSOR: lazy("sponsor"),
    Role.DEPARTMENT: lazy("department"),
    Role.ATTENDEE: lazy("guest"),
}


class Workspace(Row):
    """One brand: its name, its voice, its colour and its habits."""

    slug = Text()
    name = Text()
    color = Text()
    persona = Text()
    signature = Text()
    language = Text()
    time_zone = Text()
    currency = Text()
    reply_to = Text()
    disclosure_k = Integer()
    created_at = Timestamptz()
    archived_at = Timestamptz(null=True, default=None)


class Membership(Record):
    """One role of one account in one workspace."""

    account_id = UuidColumn()
    role = Text()
    created_at = Timestamptz()
    ended_at = Timestamptz(null=True, default=None)


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


class WorkspaceNameTaken(Conflict):
    message = lazy("A workspace already has this address. Choose another name.")


class SignUpClosed(Forbidden):
    message = lazy("New workspaces are opened by whoever runs this site. Ask them.")


class LastOwner(Conflict):
    message = lazy("A workspace keeps at least one owner.")


class Seat(msgspec.Struct, frozen=True):
    """A workspace as its member sees it in the switcher."""

    workspace_id: UUID
    slug: str
    name: str
    color: str
    role: Role


class TeamMember(msgspec.Struct):
    """Somebody of the team, with her role."""

    id: UUID
    account_id: UUID
    email: str
    name: str
    role: Role
    created_at: datetime


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


def slug_of(name: str) -> str:
    """The name as part of an address: lower-case ASCII, hyphens, at most 60."""
    plain = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")


def role_name(role: Role) -> Lazy:
    """The role in the reader's words."""
    return ROLE_NAMES[role]


def covers(mine: Role, wanted: Role) -> bool:
    """May somebody with the first role hand out the second?"""
    return STRONGEST.index(mine) <= STRONGEST.index(wanted)


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


def _checked_color(color: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
        raise Invalid(color=lazy("Write a colour such as #1d3a8a."))
    return color.lower()


# Commands


@atomic()
async def make_workspace(
    name: str,
    *,
    language: str,
    time_zone: str,
    color: str = "#b84a2b",
    by: Actor,
    now: datetime,
) -> Look:
    """Open a workspace; whoever opens it is its owner."""
    slug = slug_of(name)
    if not slug:
        raise Invalid(name=lazy("The name needs at least one letter or figure."))
    if language not in LANGUAGES:
        raise Invalid(language=lazy("Choose one of the answers offered."))
    try:
        zone(time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise Invalid(time_zone=lazy("Choose one of the answers offered.")) from error
    id_ = uuid7()
    color = _checked_color(color)
    async with scoped(frozenset({id_})):
        row = await one(
            "INSERT INTO workspace (id, slug, name, color, language, time_zone, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (slug) DO NOTHING RETURNING id",  # noqa: E501
            id_,
            slug,
            name,
            color,
            language,
            time_zone,
            now,
        )
        if row is None:
            raise WorkspaceNameTaken
        inside = by.within(id_, Role.OWNER)
        if by.kind is ActorKind.ACCOUNT and by.id is not None:
            await _seat(by.id, Role.OWNER, by=inside, now=now)
        await audit.note(inside, "made_workspace", at=now)
    return await look(slug)


@atomic()
async def change_workspace(
    workspace: Look,
    *,
    name: str,
    color: str,
    persona: str,
    signature: str,
    language: str,
    reply_to: str,
    by: Actor,
    now: datetime,
) -> None:
    """Change how the brand looks and sounds."""
    if language not in LANGUAGES:
        raise Invalid(language=lazy("Choose one of the answers offered."))
    await sql(
        "UPDATE workspace SET name = $2, color = $3, persona = $4, signature = $5,"
        " language = $6, reply_to = $7 WHERE id = $1",
        workspace.id,
        name,
        _checked_color(color),
        persona,
        signature,
        language,
        reply_to,
    )
    await audit.note(by, "changed_workspace", workspace, at=now)


@atomic()
async def invite(
    email: str, role: Role, *, workspace: Look, origin: str, by: Actor, now: datetime
) -> UUID:
    """Give somebody a role and tell her by letter; twice changes nothing."""
    account = await accounts.account_for(email, language=workspace.language, by=by, now=now)
    if await _seat(account, role, by=by, now=now):
        await audit.note(by, f"invited_{role}", workspace, at=now)
        await mail.post(
            "invitation",
            to=email,
            language=workspace.language,
            workspace=workspace,
            context={"url": f"{origin}/sign-in", "email": email, "role": role_name(role)},
            now=now,
        )
    return account


async def _seat(account_id: UUID, role: Role, *, by: Actor, now: datetime) -> bool:
    row = await one(
        "INSERT INTO membership (id, workspace_id, account_id, role, created_at)"
        " VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (workspace_id, account_id, role) WHERE ended_at IS NULL DO NOTHING"
        " RETURNING id",
        uuid7(),
        by.workspace_id,
        account_id,
        role.value,
        now,
    )
    return row is not None


@atomic()
async def end_membership(membership_id: UUID, *, by: Actor, now: datetime) -> None:
    """Take a role away; it is gone at the next request."""
    # Two owners who end each other at once meet here.
    await sql("SELECT id FROM workspace WHERE id = $1 FOR UPDATE", by.workspace_id)
    row = await one(
        "UPDATE membership SET ended_at = $2 WHERE workspace_id = $3 AND id = $1"
        " AND ended_at IS NULL RETURNING id",
        membership_id,
        now,
        by.workspace_id,
    )
    if row is None:
        raise NotFound
    owners = await one(
        "SELECT 1 FROM membership WHERE workspace_id = $1 AND role = 'owner'"
        " AND ended_at IS NULL",
        by.workspace_id,
    )
    if owners is None:
        raise LastOwner
    await audit.note(by, "ended_membership", at=now)


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

_LOOK = (
    "SELECT id, slug, name, color, persona, signature, language, time_zone, currency,"
    " reply_to, disclosure_k FROM workspace WHERE archived_at IS NULL"
)


async def look(slug: str) -> Look:
    """The workspace of this address, or NotFound."""
    found = await one(f"{_LOOK} AND slug = $1", slug, into=Look)
    if found is None:
        raise NotFound
    return found


async def look_by_id(workspace_id: UUID) -> Look:
    """The workspace of this key, or NotFound."""
    found = await one(f"{_LOOK} AND id = $1", workspace_id, into=Look)
    if found is None:
        raise NotFound
    return found


async def seats(account_id: UUID) -> list[Seat]:
    """Every workspace this account works in, with its strongest role there."""
    async with scoped(NOWHERE, account=account_id):
        rows = await sql(
            "SELECT w.id AS workspace_id, w.slug, w.name, w.color, m.role FROM membership m"
            " JOIN workspace w ON w.id = m.workspace_id"
            " WHERE m.account_id = $1 AND m.ended_at IS NULL AND w.archived_at IS NULL",
            account_id,
            into=Seat,
        )
    best: dict[UUID, Seat] = {}
    for seat in sorted(rows, key=lambda one_: STRONGEST.index(one_.role)):
        best.setdefault(seat.workspace_id, seat)
    return sorted(best.values(), key=lambda one_: one_.name.casefold())


async def may_open(account_id: UUID, *, open_sign_up: bool) -> bool:
    """May this account make a workspace? Always the first one, always an owner."""
    if open_sign_up or await one("SELECT 1 FROM workspace LIMIT 1") is None:
        return True
    return any(seat.role is Role.OWNER for seat in await seats(account_id))


async def holds_one_of(account_id: UUID, workspace_id: UUID, roles: list[str]) -> bool:
    """Does this account hold one of these roles there now?"""
    async with scoped(frozenset({workspace_id})):
        row = await one(
            "SELECT 1 FROM membership WHERE account_id = $1 AND role = ANY ($2::text[])"
            " AND ended_at IS NULL",
            account_id,
            roles,
        )
    return row is not None


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


async def team() -> list[TeamMember]:
    """Everybody with a role in the workspace in view."""
    return await sql(
        "SELECT m.id, m.account_id, a.email, a.name, m.role, m.created_at FROM membership m"
        " JOIN account a ON a.id = m.account_id WHERE m.ended_at IS NULL"
        " ORDER BY m.created_at LIMIT 500",
        into=TeamMember,
    )


async def tokens() -> list[TokenLine]:
    """The live tokens of the workspace in view."""
    return await sql(
        "SELECT id, name, role, scopes, hint, created_at, expires_at, last_used_at"
        " FROM api_token WHERE revoked_at IS NULL ORDER BY id DESC LIMIT 200",
        into=TokenLine,
    )
