"""Ambassadors: members who act for a community, for a term, under a charter.

One applies, or is asked; an organiser says yes with a first and a last day, and the
letter that follows opens her own page. Her term is what lets her in: past its last day,
or ended before, the next request finds nothing. What a mandate is stands in `mandates`.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from events.people import members, notices
from events.people.mandates import (
    IN_TERM,
    Ambassador,
    Stage,
    check_term,
    mandate,
    new_code,
    today_in,
)
from server import audit, jobs, workspaces
from server.audit import Actor, system
from server.database import atomic, find, one, scoped, sql, uuid7
from server.errors import Conflict, Invalid
from server.i18n import lazy
from server.look import Look
from server.workspaces import Role


class Applied(msgspec.Struct, frozen=True):
    """What came of asking to be an ambassador."""

    id: UUID
    is_new: bool


class NotWaiting(Conflict):
    message = lazy("This application was answered already.")


class NotInTerm(Conflict):
    message = lazy("This term is over, or has not begun.")


class NeedsAddress(Conflict):
    message = lazy("An ambassador needs an e-mail address: her page opens by letter.")


# Commands


@atomic()
async def apply(
    email: str,
    *,
    name: str,
    language: str,
    community_id: UUID,
    area: str = "",
    motive: str = "",
    charter_id: UUID | None = None,
    tells: bool = False,
    is_wish: bool = False,
    workspace: Look,
    by: Actor,
    now: datetime,
) -> Applied:
    """Ask to be an ambassador; whoever asks twice, or is one already, changes nothing."""
    typed = {"name": name, "language": language, "by": by, "now": now}
    member_id = await _asking(email, community_id, typed, is_wish=is_wish)
    today = today_in(workspace, now)
    await _close_what_is_over(member_id, today, by=by, now=now)
    row = await one(
        "INSERT INTO ambassador (id, workspace_id, member_id, community_id, code, area,"
        " motive, applied_at, charter_id, charter_accepted_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::uuid,"
        " CASE WHEN $9::uuid IS NULL THEN NULL ELSE $8::timestamptz END)"
        " ON CONFLICT (workspace_id, member_id)"
        " WHERE ended_at IS NULL AND declined_at IS NULL DO NOTHING RETURNING id",
        uuid7(),
        by.workspace_id,
        member_id,
        community_id,
        await _free_code(by),
        area,
        motive,
        now,
        charter_id,
    )
    if row is None:
        return Applied(await _current_of(member_id, by), is_new=False)
    await _noted("applied_ambassador", row["id"], by=by, now=now)
    if tells:
        once = f"ambassador:{row['id']}:applied"
        found = await mandate(row["id"], today)
        await notices.tell("applied", found, workspace, once, now)
    return Applied(row["id"], is_new=True)


async def _asking(
    email: str, community_id: UUID, typed: dict[str, Any], *, is_wish: bool
) -> UUID:
    """Who asks: what anybody typed on the public page (`is_wish`) adds nobody.

    She is of the people of the workspace once an organiser says yes.
    """
    if is_wish:
        return await members.wished(email, **typed)
    return await members.known(email, community_id=community_id, **typed)


async def _free_code(by: Actor) -> str:
    """A code no ambassador of this workspace has; two alike by chance are tried again."""
    while True:
        code = new_code()
        if not await one(
            "SELECT 1 FROM ambassador WHERE workspace_id = $1 AND code = $2",
            by.workspace_id,
            code,
        ):
            return code


async def _current_of(member_id: UUID, by: Actor) -> UUID:
    row = await one(
        "SELECT id FROM ambassador WHERE workspace_id = $1 AND member_id = $2"
        " AND ended_at IS NULL AND declined_at IS NULL",
        by.workspace_id,
        member_id,
    )
    assert row is not None  # noqa: S101 - it is what stood in the way
    id_: UUID = row["id"]
    return id_


async def _close_what_is_over(
    member_id: UUID, today: date, *, by: Actor, now: datetime
) -> None:
    """A term past its last day makes room for the next application."""
    rows = await sql(
        "UPDATE ambassador SET ended_at = $4 WHERE workspace_id = $1 AND member_id = $2"
        " AND ended_at IS NULL AND ends_on < $3 RETURNING account_id",
        by.workspace_id,
        member_id,
        today,
        now,
    )
    await _unseat([row["account_id"] for row in rows], by=by, now=now)


@atomic()
async def accept(
    ambassador_id: UUID,
    *,
    starts_on: date,
    ends_on: date,
    area: str,
    perks: str = "",
    workspace: Look,
    origin: str,
    by: Actor,
    now: datetime,
) -> None:
    """Say yes for a term: she gets her role, and a letter that opens her page."""
    check_term(starts_on, ends_on, today_in(workspace, now))
    row = await one(
        "UPDATE ambassador a SET accepted_at = $3, starts_on = $4, ends_on = $5, area = $6,"
        " perks = $7 FROM member m WHERE a.workspace_id = $1 AND a.id = $2"
        " AND m.workspace_id = a.workspace_id AND m.id = a.member_id"
        " AND a.accepted_at IS NULL AND a.declined_at IS NULL AND a.ended_at IS NULL"
        " RETURNING m.email, a.member_id, a.community_id",
        by.workspace_id,
        ambassador_id,
        now,
        starts_on,
        ends_on,
        area,
        perks,
    )
    if row is None:
        await find(Ambassador, ambassador_id)
        raise NotWaiting
    if row["email"] is None:
        raise NeedsAddress
    await members.belong([row["member_id"]], row["community_id"], by=by, now=now)
    account = await workspaces.invite(
        row["email"],
        Role.AMBASSADOR,
        tells=False,
        workspace=workspace,
        origin=origin,
        by=by,
        now=now,
    )
    await _set(ambassador_id, "account_id", account, by=by)
    await _offer(by)
    await _noted("accepted_ambassador", ambassador_id, by=by, now=now)
    found = await mandate(ambassador_id, today_in(workspace, now))
    await notices.welcome(found, workspace, origin, now)


@atomic()
async def decline(
    ambassador_id: UUID, reason: str, *, workspace: Look, by: Actor, now: datetime
) -> None:
    """Say no, with a word she reads in a letter."""
    found = await mandate(ambassador_id, today_in(workspace, now))
    row = await one(
        "UPDATE ambassador SET declined_at = $3, ended_reason = $4 WHERE workspace_id = $1"
        " AND id = $2 AND accepted_at IS NULL AND declined_at IS NULL"
        " AND ended_at IS NULL RETURNING id",
        by.workspace_id,
        ambassador_id,
        now,
        reason,
    )
    if row is None:
        raise NotWaiting
    await _noted("declined_ambassador", ambassador_id, by=by, now=now)
    told = msgspec.structs.replace(found, ended_reason=reason)
    await notices.tell("declined", told, workspace, f"ambassador:{found.id}:declined", now)


@atomic()
async def change(
    ambassador_id: UUID,
    *,
    area: str,
    perks: str,
    ends_on: date,
    workspace: Look,
    by: Actor,
    now: datetime,
) -> None:
    """Change her area, what she gets, or the last day of a term that still runs."""
    today = today_in(workspace, now)
    found = await mandate(ambassador_id, today)
    if found.starts_on is None or found.stage not in IN_TERM | {Stage.COMING}:
        raise NotInTerm
    check_term(found.starts_on, ends_on, today)
    await sql(
        "UPDATE ambassador SET area = $3, perks = $4, ends_on = $5"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        ambassador_id,
        area,
        perks,
        ends_on,
    )
    await _noted("changed_ambassador", ambassador_id, by=by, now=now)


@atomic()
async def rest(
    ambassador_id: UUID,
    until: date | None,
    *,
    workspace: Look,
    by: Actor,
    now: datetime,
) -> None:
    """Leave her in peace until the end of this day, or end a rest; nothing is asked."""
    today = today_in(workspace, now)
    found = await mandate(ambassador_id, today)
    if found.ends_on is None or found.stage not in IN_TERM:
        raise NotInTerm
    if until is not None and not today <= until <= found.ends_on:
        raise Invalid(until=lazy("Choose a day between today and the end of the term."))
    await _set(ambassador_id, "rests_until", until, by=by)
    verb = "rested_ambassador" if until else "woke_ambassador"
    await _noted(verb, ambassador_id, by=by, now=now)


@atomic()
async def accept_charter(
    ambassador_id: UUID, charter_id: UUID, *, by: Actor, now: datetime
) -> None:
    """Write down that she accepts this version of the charter."""
    row = await one(
        "UPDATE ambassador SET charter_id = $3, charter_accepted_at = $4"
        " WHERE workspace_id = $1 AND id = $2 AND charter_id IS DISTINCT FROM $3"
        " AND ended_at IS NULL AND declined_at IS NULL RETURNING id",
        by.workspace_id,
        ambassador_id,
        charter_id,
        now,
    )
    if row is not None:
        await _noted("accepted_charter", ambassador_id, by=by, now=now)


@atomic()
async def end(
    ambassador_id: UUID, reason: str, *, workspace: Look, by: Actor, now: datetime
) -> None:
    """End a term now: her next request finds nothing, and a letter thanks her."""
    found = await mandate(ambassador_id, today_in(workspace, now))
    row = await one(
        "UPDATE ambassador SET ended_at = $3, ended_reason = $4 WHERE workspace_id = $1"
        " AND id = $2 AND accepted_at IS NOT NULL AND ended_at IS NULL"
        " RETURNING account_id",
        by.workspace_id,
        ambassador_id,
        now,
        reason,
    )
    if row is None:
        raise NotInTerm
    await _unseat([row["account_id"]], by=by, now=now)
    await _noted("ended_ambassador", ambassador_id, by=by, now=now)
    told = msgspec.structs.replace(found, ended_reason=reason)
    await notices.tell("ended", told, workspace, f"ambassador:{found.id}:ended", now)


async def _unseat(accounts: list[UUID | None], *, by: Actor, now: datetime) -> None:
    """Take the role away from accounts that no other term needs."""
    await sql(
        "UPDATE membership m SET ended_at = $3 WHERE m.workspace_id = $1"
        " AND m.account_id = ANY ($2::uuid[]) AND m.role = 'ambassador'"
        " AND m.ended_at IS NULL AND NOT EXISTS (SELECT FROM ambassador a"
        " WHERE a.workspace_id = $1 AND a.account_id = m.account_id"
        " AND a.ended_at IS NULL)",
        by.workspace_id,
        [one_ for one_ in accounts if one_ is not None],
        now,
    )
    await _offer(by)


async def _offer(by: Actor) -> None:
    """Public pages lead to the application while there is a charter or somebody in term."""
    await sql(
        "UPDATE workspace w SET has_ambassadors = o.is_open FROM (SELECT EXISTS (SELECT"
        " FROM charter WHERE workspace_id = $1 AND kind = 'ambassadors') OR EXISTS (SELECT"
        " FROM ambassador WHERE workspace_id = $1 AND accepted_at IS NOT NULL"
        " AND ended_at IS NULL) AS is_open) o"
        " WHERE w.id = $1 AND w.has_ambassadors <> o.is_open",
        by.workspace_id,
    )


async def _set(ambassador_id: UUID, column: str, value: object, *, by: Actor) -> None:
    """Set one column; it is one of our own two."""
    await sql(
        f"UPDATE ambassador SET {column} = $3 WHERE workspace_id = $1 AND id = $2",  # noqa: S608
        by.workspace_id,
        ambassador_id,
        value,
    )


async def _noted(verb: str, ambassador_id: UUID, *, by: Actor, now: datetime) -> None:
    await audit.note(by, verb, await find(Ambassador, ambassador_id), at=now)


@jobs.every("17 * * * *")
async def end_terms(now: datetime) -> None:
    """End what is past its last day: the page refused already, now the role goes too."""
    for workspace_id in await workspaces.at_work():
        by = system(workspace_id)
        async with scoped(by):
            rows = await sql(
                "UPDATE ambassador a SET ended_at = $2 FROM workspace w"
                " WHERE a.workspace_id = $1 AND w.id = $1 AND a.ended_at IS NULL"
                " AND a.ends_on < ($2 AT TIME ZONE w.time_zone)::date"
                " RETURNING a.id, a.account_id",
                workspace_id,
                now,
            )
            await _unseat([row["account_id"] for row in rows], by=by, now=now)
            for row in rows:
                await _noted("ended_ambassador", row["id"], by=by, now=now)
