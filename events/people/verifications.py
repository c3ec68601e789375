"""Verifications: a handle proved by a code that its holder puts where only she may write.

The code is shown to the organiser and on the person's own page. She posts it in her page
of the channel; a job of ours reads that page, or an organiser writes that she saw it.
Either settles the handle, disputed or not. The network is never asked inside a
transaction.
"""

import json
import re
import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Text, Timestamptz

from events.people import claims, identities, outside
from events.people.channels import ChannelKind
from events.people.claims import Proof
from events.people.identities import Identity
from server import audit, jobs, workspaces
from server.audit import Actor, system
from server.clock import utc_now
from server.database import Record, atomic, find, one, scoped, sql, uuid7
from server.errors import Conflict, NotFound
from server.i18n import lazy

VALID = timedelta(days=7)
PAUSE = timedelta(seconds=20)
# Crockford's letters: none is taken for another.
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 10


class Outcome(StrEnum):
    ASKED = "asked"
    SEEN = "seen"
    NOT_SEEN = "not_seen"
    UNREACHABLE = "unreachable"


class Verification(Record):
    """A code for one person and one handle, and what became of it."""

    identity_id = UuidColumn()
    member_id = UuidColumn()
    code = Text()
    asked_at = Timestamptz()
    expires_at = Timestamptz()
    looked_at = Timestamptz(null=True, default=None)
    outcome = Text()


class Code(msgspec.Struct, frozen=True):
    """A code as pages show it; `page` is where we look, empty where only people can."""

    id: UUID
    identity_id: UUID
    member_id: UUID
    code: str
    handle: str
    channel: str
    kind: ChannelKind
    address: str
    asked_at: datetime
    expires_at: datetime
    looked_at: datetime | None
    outcome: Outcome

    @property
    def page(self) -> str:
        return page_of(self.kind, self.address, self.handle)


class CodeEnded(Conflict):
    message = lazy("This code is no longer valid. Ask for another one.")


class NobodyLooks(Conflict):
    message = lazy("We cannot read this channel. An organiser can say that she saw it.")


# Rules


def page_of(kind: str, address: str, handle: str) -> str:
    """Where a channel shows what its member writes about herself, for machines."""
    name, base = quote(handle, safe=""), address.rstrip("/")
    if not base:
        return ""
    if kind == ChannelKind.DISCOURSE:
        return f"{base}/u/{name}.json"
    if kind == ChannelKind.MASTODON:
        return f"{base}/api/v1/accounts/lookup?acct={name}"
    return ""


def is_shown(kind: str, handle: str, code: str, content: bytes) -> bool:
    """Does the page of this very handle hold the code, in what she wrote herself?"""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    is_forum = kind == ChannelKind.DISCOURSE and isinstance(found, dict)
    own = found.get("user") if is_forum else found
    if not isinstance(own, dict):
        return False
    names = {str(own.get(name, "")).lower() for name in ("username", "acct")}
    if handle not in names:
        return False
    return code.lower() in _written(own).lower()


def _written(own: dict[str, Any]) -> str:
    """What somebody wrote about herself, as text."""
    texts = [own.get(name) for name in ("bio_raw", "bio_excerpt", "website", "location")]
    texts += [own.get(name) for name in ("title", "name", "note", "display_name")]
    fields = own.get("fields")
    for field in fields if isinstance(fields, list) else []:
        if isinstance(field, dict):
            texts.append(field.get("value"))
    told = "\n".join(text for text in texts if isinstance(text, str))
    return re.sub(r"<[^>]*>", "", told)


def new_code() -> str:
    """Ten letters that nobody guesses, easy to copy (50 bits)."""
    return "apero-" + "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


# Commands


@atomic()
async def ask(identity_id: UUID, member_id: UUID, *, by: Actor, now: datetime) -> UUID:
    """The code of this person for this handle; asked again, the same while it is valid."""
    member_id = await identities.person_of(member_id)
    await sql(
        "SELECT FROM identity WHERE workspace_id = $1 AND id = $2 FOR UPDATE",
        by.workspace_id,
        identity_id,
    )
    if not await claims.claims_it(identity_id, member_id):
        raise NotFound
    row = await one(
        "SELECT id FROM verification WHERE workspace_id = $1 AND identity_id = $2"
        " AND member_id = $3 AND expires_at > $4 AND outcome <> 'seen'"
        " ORDER BY id DESC LIMIT 1",
        by.workspace_id,
        identity_id,
        member_id,
        now,
    )
    if row is not None:
        found: UUID = row["id"]
        return found
    id_ = uuid7()
    await sql(
        "INSERT INTO verification (id, workspace_id, identity_id, member_id, code,"
        " asked_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        id_,
        by.workspace_id,
        identity_id,
        member_id,
        new_code(),
        now,
        now + VALID,
    )
    await audit.note(by, "asked_for_code", await find(Identity, identity_id), at=now)
    return id_


@atomic()
async def look(verification_id: UUID, *, by: Actor, now: datetime) -> None:
    """Have the page read soon; twice within twenty seconds is once."""
    code = await _valid(verification_id, now)
    if not code.page:
        raise NobodyLooks
    if code.looked_at is not None and now - code.looked_at < PAUSE:
        return
    await jobs.enqueue(
        "look_for_code",
        {"workspace_id": str(by.workspace_id), "id": str(verification_id)},
        once=f"look_for_code:{verification_id}",
    )


@atomic()
async def saw(verification_id: UUID, *, by: Actor, now: datetime) -> None:
    """Somebody of the team saw the code where the holder posted it."""
    code = await _valid(verification_id, now)
    await _write(code, Outcome.SEEN, by=by, now=now)


async def _valid(verification_id: UUID, now: datetime) -> Code:
    found = await code_of(verification_id)
    if found.outcome is Outcome.SEEN or found.expires_at <= now:
        raise CodeEnded
    return found


@atomic()
async def _write(code: Code, outcome: Outcome, *, by: Actor, now: datetime) -> None:
    """Write what was seen; a code that was seen settles whose the handle is, once."""
    row = await one(
        "UPDATE verification SET outcome = $3, looked_at = $4 WHERE workspace_id = $1"
        " AND id = $2 AND outcome <> 'seen' RETURNING member_id",
        by.workspace_id,
        code.id,
        outcome.value,
        now,
    )
    if row is None or outcome is not Outcome.SEEN:
        return
    member_id = await identities.person_of(row["member_id"])
    if not await claims.claims_it(code.identity_id, member_id):
        raise identities.NotClaimed
    await identities.settle(
        code.identity_id, member_id, proof=Proof.VERIFIED, by=by, now=now
    )
    await audit.note(
        by, "verified_identity", await find(Identity, code.identity_id), at=now
    )


class Reader:
    """Whoever reads the pages of channels.

    `reachable` names origins that may be asked though they are not public: a test's own
    site, never a setting.
    """

    def __init__(
        self,
        *,
        reachable: Collection[str] = (),
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.reachable = reachable
        self.clock = clock
        jobs.job("look_for_code")(self.look_for_code)

    async def look_for_code(self, payload: dict[str, Any]) -> None:
        """Read the page and write what was seen; a page that is away is not a failure."""
        by = system(UUID(payload["workspace_id"]))
        if await workspaces.look_at_work(by.workspace_id) is None:
            return
        try:
            async with scoped(by, readonly=True):
                code = await _valid(UUID(payload["id"]), self.clock())
        except (CodeEnded, NotFound):
            return
        outcome = await self._seen(code)
        try:
            await _write(code, outcome, by=by, now=self.clock())
        except identities.NotClaimed:
            return

    async def _seen(self, code: Code) -> Outcome:
        try:
            content = await outside.read(code.page, reachable=self.reachable)
        except outside.Unreachable:
            return Outcome.UNREACHABLE
        shown = is_shown(code.kind, code.handle, code.code, content)
        return Outcome.SEEN if shown else Outcome.NOT_SEEN


Reader()


# Queries

_CODE = (
    "SELECT v.id, v.identity_id, coalesce(m.merged_into_id, m.id) AS member_id, v.code,"
    " i.handle, c.name AS channel, c.kind, c.address, v.asked_at, v.expires_at,"
    " v.looked_at, v.outcome FROM verification v"
    " JOIN member m ON m.workspace_id = v.workspace_id AND m.id = v.member_id"
    " JOIN identity i ON i.workspace_id = v.workspace_id AND i.id = v.identity_id"
    " JOIN channel c ON c.workspace_id = i.workspace_id AND c.id = i.channel_id"
    " WHERE v.workspace_id = ANY (apero_scope())"
)


async def code_of(verification_id: UUID) -> Code:
    """One code, or NotFound."""
    found = await one(f"{_CODE} AND v.id = $1", verification_id, into=Code)
    if found is None:
        raise NotFound
    return found


async def codes_for(identity_id: UUID) -> list[Code]:
    """The latest code of each person who was given one for this handle."""
    return await sql(
        "SELECT DISTINCT ON (member_id) * FROM"  # noqa: S608 - nothing but our own text
        f" ({_CODE} AND v.identity_id = $1) code ORDER BY member_id, id DESC",
        identity_id,
        into=Code,
    )


async def codes_of(member_id: UUID) -> list[Code]:
    """The latest code of this person for each of her handles."""
    return await sql(
        "SELECT DISTINCT ON (identity_id) * FROM"  # noqa: S608 - nothing but our own text
        f" ({_CODE} AND (m.id = $1 OR m.merged_into_id = $1)) code"
        " ORDER BY identity_id, id DESC",
        member_id,
        into=Code,
    )
