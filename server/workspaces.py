"""Workspaces: one brand's private space, who works in it, and the keys of its machines.

One login moves between workspaces. A role is a membership row; ending it takes effect at
the next request. A token for the API is shown once and kept as a hash.
"""

import re
import unicodedata
from contextvars import ContextVar
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Array, BigInt, Boolean, Integer, Text, Timestamptz

from server import accounts, audit, limits, mail
from server.audit import Actor, ActorKind
from server.database import NOWHERE, Record, Row, Scope, atomic, one, scoped, sql, uuid7
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.forms import calm
from server.i18n import LANGUAGES, Lazy, lazy, zone
from server.look import Look


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
LONGEST_NAME = 200
A_DAY = timedelta(days=1)
# The archived workspace that this request may read: only the guard of its team says so.
opened: ContextVar[UUID | None] = ContextVar("opened", default=None)
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
    persona_role = Text()
    signature = Text()
    tone = Text()
    language = Text()
    languages = Array(Text())
    time_zone = Text()
    currency = Text()
    sender = Text()
    reply_to = Text()
    logo_id = UuidColumn(null=True, default=None)
    hour_cents = BigInt(null=True, default=None)
    ranks_ambassadors = Boolean()
    has_charter = Boolean()
    has_ambassadors = Boolean()
    disclosure_k = Integer()
    created_at = Timestamptz()
    archived_at = Timestamptz(null=True, default=None)
    erasing_at = Timestamptz(null=True, default=None)
    embed_origins = Array(Text())


class Membership(Record):
    """One role of one account in one workspace."""

    account_id = UuidColumn()
    role = Text()
    created_at = Timestamptz()
    ended_at = Timestamptz(null=True, default=None)


class WorkspaceNameTaken(Conflict):
    message = lazy("A workspace already has this address. Choose another name.")


class SignUpClosed(Forbidden):
    message = lazy("New workspaces are opened by whoever runs this site. Ask them.")


class WorkspaceArchived(Conflict):
    message = lazy("This workspace is archived: it can be read, not changed.")


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
    is_pending: bool = False


# Rules


def slug_of(name: str) -> str:
    """The name as part of an address: lower-case ASCII, hyphens, at most 60."""
    letters = unicodedata.normalize("NFKD", calm(name, LONGEST_NAME).lower())
    plain = letters.encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")


def role_name(role: Role) -> Lazy:
    """The role in the reader's words."""
    return ROLE_NAMES[role]


def covers(mine: Role, wanted: Role) -> bool:
    """May somebody with the first role hand out the second?"""
    return STRONGEST.index(mine) <= STRONGEST.index(wanted)


def checked_color(color: str) -> str:
    """A colour such as #1d3a8a, lower case, or Invalid."""
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
    color = checked_color(color)
    async with scoped(frozenset({id_})):
        row = await one(
            "INSERT INTO workspace (id, slug, name, color, language, time_zone, created_at,"
            " persona) VALUES ($1, $2, $3, $4, $5, $6, $7,"
            " coalesce((SELECT name FROM account WHERE id = $8), ''))"
            " ON CONFLICT (slug) DO NOTHING RETURNING id",
            id_,
            slug,
            name,
            color,
            language,
            time_zone,
            now,
            by.id if by.kind is ActorKind.ACCOUNT else None,
        )
        if row is None:
            raise WorkspaceNameTaken
        inside = by.within(id_, Role.OWNER)
        if by.kind is ActorKind.ACCOUNT and by.id is not None:
            await _seat(by.id, Role.OWNER, by=inside, now=now)
        await audit.note(inside, "made_workspace", at=now)
    return await look(slug)


@atomic()
async def invite(
    email: str,
    role: Role,
    *,
    tells: bool = True,
    workspace: Look,
    origin: str,
    by: Actor,
    now: datetime,
) -> UUID:
    """Give somebody a role and tell her by letter; twice changes nothing.

    `tells` is false where another letter says more of it.
    """
    account = await accounts.account_for(email, language=workspace.language, by=by, now=now)
    if await _seat(account, role, by=by, now=now):
        await audit.note(by, f"invited_{role}", workspace, at=now)
        if tells:
            await _write_invitation(email, role, workspace, origin, now=now)
    return account


async def _write_invitation(
    email: str, role: Role, workspace: Look, origin: str, *, now: datetime
) -> None:
    await mail.post(
        "invitation",
        to=email,
        language=workspace.language,
        workspace=workspace,
        context={"url": f"{origin}/sign-in", "email": email, "role": role_name(role)},
        now=now,
    )


async def invite_again(
    membership_id: UUID, *, workspace: Look, origin: str, by: Actor, now: datetime
) -> str:
    """Write once more to somebody who never signed in; says to which address."""
    tries = f"{by.workspace_id} {membership_id}"
    await limits.spend("invite", tries, most=3, window=A_DAY, now=now)
    async with scoped(by):
        mine = [one_ for one_ in await team() if one_.id == membership_id]
        if not (mine and mine[0].is_pending):
            raise NotFound
        waiting = mine[0]
        await _write_invitation(waiting.email, waiting.role, workspace, origin, now=now)
        await audit.note(by, "invited_again", workspace, at=now)
    return waiting.email


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
    """Take a role or an invitation away; it is gone at the next request."""
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


# Queries

_LOOK = (
    "SELECT id, slug, name, color, persona, persona_role, signature, tone, language,"
    " languages, time_zone, currency, sender, reply_to, logo_id, hour_cents,"
    " ranks_ambassadors, has_charter, has_ambassadors, disclosure_k, archived_at,"
    " embed_origins FROM workspace"
    " WHERE erasing_at IS NULL AND (archived_at IS NULL OR id = $2)"
)


async def look(slug: str) -> Look:
    """The workspace of this address, or NotFound."""
    found = await one(f"{_LOOK} AND slug = $1", slug, opened.get(), into=Look)
    if found is None:
        raise NotFound
    return found


async def color(slug: str) -> str:
    """The colour of the workspace of this address, archived or not, or NotFound."""
    row = await one(
        "SELECT color FROM workspace WHERE slug = $1 AND erasing_at IS NULL", slug
    )
    if row is None:
        raise NotFound
    return str(row["color"])


async def look_by_id(workspace_id: UUID, *, even_archived: bool = False) -> Look:
    """The workspace of this key, or NotFound; archived ones are not there for most."""
    readable = workspace_id if even_archived else opened.get()
    found = await one(f"{_LOOK} AND id = $1", workspace_id, readable, into=Look)
    if found is None:
        raise NotFound
    return found


async def look_at_work(workspace_id: UUID) -> Look | None:
    """The workspace a job works for, or None: an archived one has nothing to do."""
    return await one(f"{_LOOK} AND id = $1", workspace_id, None, into=Look)


async def seats(account_id: UUID, *, archived: bool = False) -> list[Seat]:
    """Every workspace this account works in, with its strongest role there."""
    async with scoped(NOWHERE, account=account_id):
        rows = await sql(
            "SELECT w.id AS workspace_id, w.slug, w.name, w.color, m.role FROM membership m"
            " JOIN workspace w ON w.id = m.workspace_id WHERE m.account_id = $1"
            " AND m.ended_at IS NULL AND w.erasing_at IS NULL"
            " AND (w.archived_at IS NOT NULL) = $2",
            account_id,
            archived,
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


async def team() -> list[TeamMember]:
    """Everybody with a role in the workspace in view; pending before a first sign-in."""
    return await sql(
        "SELECT m.id, m.account_id, a.email, a.name, m.role, m.created_at, a.signed_in_at"
        " IS NULL AS is_pending FROM membership m JOIN account a ON a.id = m.account_id"
        " WHERE m.workspace_id = ANY (apero_scope()) AND m.ended_at IS NULL"
        " ORDER BY m.created_at, m.id LIMIT 500",
        into=TeamMember,
    )


async def everywhere() -> Scope:
    """Every workspace: for what belongs to none, a returned letter or a demo's mailbox."""
    return frozenset(row["id"] for row in await sql("SELECT id FROM workspace"))


async def at_work() -> Scope:
    """Every workspace that is neither archived nor being erased: for periodic work."""
    awake = "SELECT id FROM workspace WHERE archived_at IS NULL"
    return frozenset(row["id"] for row in await sql(awake))
