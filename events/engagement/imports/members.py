"""A file of members: who is new, who is known, and what is added to her.

People are the same by e-mail address or by handle in the chosen channel, never by name.
What is known already is not overwritten: a file fills what was empty, no more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from events.engagement.imports import headings
from events.engagement.imports.dates import Ambiguous, Dates, NotADate
from events.engagement.imports.headings import Columns
from events.engagement.imports.sheets import Sheet
from events.engagement.imports.tallies import Tally
from events.people import identities, members
from events.people.identities import tidy_handle
from events.people.members import tidy_name
from server import forms
from server.audit import Actor
from server.database import sql, uuid7
from server.errors import Invalid
from server.i18n import LANGUAGES
from server.workspaces import slug_of


@dataclass(slots=True)
class Person:
    """One person of the file, from the rows that are hers."""

    line: int
    row: list[str]
    email: str
    handle: str
    name: str
    joined_on: date | None
    language: str
    community_id: UUID
    by_name: bool = False


@dataclass
class Plan:
    """The people of a file, sorted by what is to be done."""

    new: list[Person]
    known: list[tuple[Person, UUID]]


@dataclass(frozen=True)
class Reading:
    """How the rows of one file are read."""

    columns: Columns
    dates: Dates
    communities: dict[str, UUID]
    chosen: UUID


def people(sheet: Sheet, reading: Reading, tally: Tally) -> list[Person]:
    """Each person once; rows that cannot be used are told with their reason."""
    found: dict[str, Person] = {}
    for line, row in sheet.rows():
        person = _person(line, row, reading)
        if isinstance(person, str):
            tally.add(person, line, row)
            continue
        key = person.email or "@" + person.handle
        if key in found:
            tally.add("said_before", line, row)
            found[key] = _settled(found[key], person)
        else:
            found[key] = person
    return list(found.values())


def _person(line: int, row: list[str], reading: Reading) -> Person | str:
    """The person of a row, or the code of the reason why there is none."""
    columns = reading.columns
    if has_too_many(columns, row):
        return "too_many_cells"
    try:
        email = email_of(columns, row)
        joined = columns.said(row, "joined_on")
        joined_on = reading.dates.day(joined) if joined else None
    except (Invalid, Ambiguous, NotADate) as error:
        return why_not(error)
    handle = tidy_handle(columns.said(row, "handle"))
    name = tidy_name(headings.name_in(columns, row))
    where = columns.said(row, "community")
    community_id = reading.communities.get(slug_of(where)) if where else reading.chosen
    if not email and not handle:
        return "name_only" if name else "empty"
    if community_id is None:
        return "unknown_community"
    language = columns.said(row, "language").lower()[:2]
    language = language if language in LANGUAGES else ""
    return Person(line, row, email, handle, name, joined_on, language, community_id)


def has_too_many(columns: Columns, row: list[str]) -> bool:
    """Does a row say more than the headings announce?"""
    return len(row) > len(columns.headings) and any(row[len(columns.headings) :])


def why_not(error: Exception) -> str:
    """The code of the reason behind what a cell raised."""
    if isinstance(error, Invalid):
        return "bad_email"
    return "ambiguous_date" if isinstance(error, Ambiguous) else "bad_date"


def email_of(columns: Columns, row: list[str]) -> str:
    """The address of a row, or nothing. Raises Invalid on one that cannot be read."""
    text = columns.said(row, "email")
    return forms.email(text) if text else ""


def _settled(first: Person, second: Person) -> Person:
    """One of two rows on the same person, the same whichever came first."""
    kept, other = sorted((first, second), key=_rank)
    kept.joined_on = min(filter(None, (kept.joined_on, other.joined_on)), default=None)
    kept.handle = kept.handle or other.handle
    kept.language = kept.language or other.language
    return kept


def _rank(person: Person) -> tuple[bool, date, str, str]:
    return (
        not person.name,
        person.joined_on or date.max,
        person.name,
        person.handle,
    )


async def plan(found: list[Person], channel_id: UUID | None, tally: Tally) -> Plan:
    """Who is new and who is known, by e-mail and by handle."""
    by_email = await members_of_emails([one.email for one in found if one.email])
    by_handle = await _members_of_handles(found, channel_id)
    result = Plan([], [])
    for person in found:
        mailed = by_email.get(person.email)
        named, address = by_handle.get(person.handle, (None, ""))
        if not person.email and channel_id is None:
            code = "name_only"
        elif _is_of_two(person, mailed, named, address):
            code = "two_people"
        elif member := mailed or named:
            code = "same_email" if mailed else "same_handle"
            result.known.append((person, member))
        else:
            code = "new_member"
            result.new.append(person)
        tally.add(code, person.line, person.row)
    return result


def _is_of_two(
    person: Person, mailed: UUID | None, named: UUID | None, address: str
) -> bool:
    """Do the address and the handle of a row name two people, or is the handle disputed?"""
    if named is None:
        return bool(address and not person.email)
    return mailed != named and bool(mailed or (person.email and address))


async def _members_of_handles(
    found: list[Person], channel_id: UUID | None
) -> dict[str, tuple[UUID | None, str]]:
    """Whose the handles of the file are, with the address known of them.

    A handle that two people claim is nobody's, and `?` stands for its address.
    """
    by_handle: dict[str, tuple[UUID | None, str]] = {}
    for part in parts([one.handle for one in found if one.handle and channel_id]):
        rows = await sql(
            "SELECT i.handle, m.id, CASE WHEN i.disputed_at IS NULL"
            " THEN coalesce(m.email, '') ELSE '?' END AS email FROM identity i"
            " LEFT JOIN member m ON m.workspace_id = i.workspace_id AND m.id = i.member_id"
            " WHERE i.workspace_id = ANY (apero_scope()) AND i.channel_id = $1"
            " AND i.handle = ANY ($2::text[])"
            " AND (m.id IS NOT NULL OR i.disputed_at IS NOT NULL)",
            channel_id,
            part,
        )
        by_handle |= {row["handle"]: (row["id"], row["email"]) for row in rows}
    return by_handle


def parts(items: list[str], size: int = 10_000) -> Iterator[list[str]]:
    """A long list in pieces that one query takes."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


async def members_of_emails(emails: list[str]) -> dict[str, UUID]:
    """Which of these addresses are known, and whose they are."""
    found: dict[str, UUID] = {}
    for part in parts(emails):
        rows = await sql(
            "SELECT email, coalesce(merged_into_id, id) AS id FROM member"
            " WHERE workspace_id = ANY (apero_scope()) AND email = ANY ($1::text[])",
            part,
        )
        found |= {row["email"]: row["id"] for row in rows}
    return found


async def write(
    planned: Plan, channel_id: UUID | None, *, by: Actor, now: datetime
) -> list[tuple[Person, UUID]]:
    """Do what was planned; each person of the file comes back with her member."""
    pairs = planned.known + [(person, uuid7()) for person in planned.new]
    await _insert(pairs[len(planned.known) :], by, now)
    await _fill(planned.known, by)
    for community_id in {person.community_id for person, _ in pairs}:
        ids = [id_ for person, id_ in pairs if person.community_id == community_id]
        await members.belong(ids, community_id, by=by, now=now)
    handles = {person.handle: id_ for person, id_ in pairs if person.handle}
    if channel_id is not None and handles:
        await identities.see(dict(handles), channel_id=channel_id, by=by, now=now)
    return pairs


async def _insert(pairs: list[tuple[Person, UUID]], by: Actor, now: datetime) -> None:
    await sql(
        "INSERT INTO member (id, workspace_id, name, email, language, joined_on,"
        " created_at) SELECT id, $1, name, nullif(email, ''), language, joined_on, $2"
        " FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::date[])"
        " AS given (id, name, email, language, joined_on)",
        by.workspace_id,
        now,
        [id_ for _, id_ in pairs],
        [_shown(person) for person, _ in pairs],
        [person.email for person, _ in pairs],
        [person.language for person, _ in pairs],
        [person.joined_on for person, _ in pairs],
    )


def _shown(person: Person) -> str:
    """How a person is called until she says it: name, handle, start of the address."""
    return person.name or person.handle or person.email.split("@", maxsplit=1)[0]


async def _fill(pairs: list[tuple[Person, UUID]], by: Actor) -> None:
    """What was empty is filled; what was written stays."""
    await sql(
        "UPDATE member m SET joined_on = coalesce(m.joined_on, g.joined_on),"
        " name = coalesce(nullif(m.name, ''), g.name),"
        " email = coalesce(m.email, nullif(g.email, ''))"
        " FROM unnest($2::uuid[], $3::date[], $4::text[], $5::text[])"
        " AS g (id, joined_on, name, email) WHERE m.workspace_id = $1 AND m.id = g.id"
        " AND (m.joined_on IS NULL AND g.joined_on IS NOT NULL OR m.name = ''"
        " OR m.email IS NULL AND g.email <> '')",
        by.workspace_id,
        [id_ for _, id_ in pairs],
        [person.joined_on for person, _ in pairs],
        [person.name for person, _ in pairs],
        [person.email for person, _ in pairs],
    )
