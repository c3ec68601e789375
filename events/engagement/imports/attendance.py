"""A file of attendance: past meetups, and who came to each.

A person is known by her e-mail; without one by her handle in the chosen channel; without
either by her name as this community's files write it: such a name is an identity of the
channel "import", so that one file after another speaks of the same person, while a name
never meets a member who has an address (ideas.md 2.11).

A meetup is known by its name and day. One that is run here and not closed is left alone:
its own door says who came.
"""

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from uuid import UUID

from events.engagement.imports import headings, members
from events.engagement.imports.answers import ANSWER_OF, Answer
from events.engagement.imports.dates import Ambiguous, Dates, NotADate
from events.engagement.imports.headings import Columns, plain
from events.engagement.imports.members import Person, email_of, has_too_many, why_not
from events.engagement.imports.sheets import Sheet
from events.engagement.imports.tallies import Tally
from events.people.identities import tidy_handle
from events.people.members import tidy_name
from server.database import sql
from server.errors import Invalid
from server.i18n import zone
from server.workspaces import slug_of

NO_CHANNEL = UUID(int=0)
USUAL_START = time(19)
USUAL_LENGTH = timedelta(hours=3)


_ABSENT = frozenset({Answer.WAITED, Answer.NOT_COMING})
_CAPACITY = re.compile("[0-9]{0,5}")

Key = tuple[str, date]


@dataclass(slots=True)
class _Evening:
    """What one row says of its meetup."""

    title: str
    series: str
    venue: str
    capacity: int
    day: date
    starts_at: datetime | None

    @property
    def key(self) -> Key:
        return (slug_of(self.title), self.day)


@dataclass(slots=True)
class Seat:
    """One row: a person, a meetup, and what the file says of both."""

    line: int
    row: list[str]
    meetup: Key
    person: str
    answer: Answer
    came_at: datetime | None
    told: _Evening

    def says(self) -> tuple[Answer, datetime | None]:
        return (self.answer, self.came_at)


@dataclass
class Evening:
    """One meetup of the file, with what all its rows say of it."""

    title: str
    day: date
    starts_at: datetime
    series: str
    venue: str
    capacity: int
    is_lottery: bool
    meetup_id: UUID | None = None
    is_live: bool = False
    seats: list[Seat] = field(default_factory=list)


@dataclass
class Crowd:
    """The people of a file: by address or handle, and by name alone."""

    proven: members.Plan
    named: members.Plan

    def known(self) -> dict[str, UUID]:
        """Whose member each known person is, by what knows her in the file."""
        found = {person_key(one): id_ for one, id_ in self.proven.known}
        return found | {name_key(one): id_ for one, id_ in self.named.known}

    def only(self, wanted: set[str]) -> "Crowd":
        """Those of them who are wanted."""
        return Crowd(
            _only(self.proven, wanted, person_key), _only(self.named, wanted, name_key)
        )


@dataclass
class Plan:
    """The evenings of a file with the answers to be written, and the people in them."""

    evenings: list[Evening]
    crowd: Crowd
    known: dict[str, UUID]


@dataclass(frozen=True)
class Reading:
    """How the rows of one file are read."""

    columns: Columns
    dates: Dates
    community_id: UUID
    channel_id: UUID | None
    import_channel_id: UUID | None
    today: date


def seats(
    sheet: Sheet, reading: Reading, tally: Tally
) -> tuple[list[Seat], dict[str, Person]]:
    """The rows that can be used, each answer once, and the people in them."""
    found: dict[tuple[Key, str], Seat] = {}
    differ: set[tuple[Key, str]] = set()
    people: dict[str, Person] = {}
    for line, row in sheet.rows():
        read = _seat(line, row, reading)
        if isinstance(read, str):
            tally.add(read, line, row)
            continue
        seat, person = read
        people[seat.person] = min(people.get(seat.person, person), person, key=_name_first)
        key = (seat.meetup, seat.person)
        if key in differ or found.setdefault(key, seat).says() != seat.says():
            differ.add(key)
            tally.add("two_answers", line, row)
        elif found[key] is not seat:
            tally.add("said_before", line, row)
    for key in differ:
        tally.add("two_answers", found[key].line, found[key].row)
        del found[key]
    return _scanned(list(found.values()), tally), people


Read = tuple[Seat, Person]


def _seat(line: int, row: list[str], reading: Reading) -> Read | str:
    """A row as an answer and its person, or the code of why it cannot be used."""
    columns, dates = reading.columns, reading.dates
    if has_too_many(columns, row):
        return "too_many_cells"
    came = columns.said(row, "checked_in_at")
    when = columns.said(row, "date")
    try:
        day = dates.day(when)
        starts_at = dates.moment(when) if dates.has_time(when) else None
        came_at = dates.moment(came) if came else None
        person = _person(line, row, reading)
    except (Invalid, Ambiguous, NotADate) as error:
        return why_not(error)
    if wrong := _wrong(row, day, reading):
        return wrong
    answer = _answer(columns, row, came_at)
    if person is None or answer is None:
        return "unknown_status" if person else "empty"
    if answer in _ABSENT:
        return answer.value
    key = name_key(person) if person.by_name else person_key(person)
    came_at = came_at if answer is Answer.ATTENDED else None
    evening = _Evening(*_titled(columns, row), day, starts_at)
    return Seat(line, row, evening.key, key, answer, came_at, evening), person


def _wrong(row: list[str], day: date, reading: Reading) -> str:
    """The code of what the meetup of a row lacks, or nothing."""
    if not slug_of(tidy_name(reading.columns.said(row, "meetup"))):
        return "no_meetup"
    if day > reading.today:
        return "future"
    return "" if _CAPACITY.fullmatch(_figures(reading.columns, row)) else "bad_number"


def _figures(columns: Columns, row: list[str]) -> str:
    """The capacity, without the spaces that French puts between thousands."""
    return "".join(columns.said(row, "capacity").split())


def _titled(columns: Columns, row: list[str]) -> tuple[str, str, str, int]:
    """What a row says of its meetup: title, series, venue and capacity."""
    title, series, venue = (
        tidy_name(columns.said(row, name)) for name in ("meetup", "series", "venue")
    )
    return title, series, venue, int(_figures(columns, row) or 0)


def _person(line: int, row: list[str], reading: Reading) -> Person | None:
    """Who this is; a name alone is an identity of the channel "import"."""
    columns = reading.columns
    email = email_of(columns, row)
    name = tidy_name(headings.name_in(columns, row))
    handle = tidy_handle(columns.said(row, "handle"))
    if not email and not handle and not tidy_handle(name):
        return None
    if email and reading.channel_id is None:
        handle = ""
    by_name = not email and not handle
    handle = tidy_handle(name) if by_name else handle
    where = reading.community_id
    return Person(line, row, email, handle, name, None, "", where, by_name=by_name)


def _name_first(person: Person) -> tuple[bool, str, str]:
    return (not person.name, person.name, person.handle)


def person_key(person: Person) -> str:
    """What knows a person in this file: her address or her handle."""
    if person.email:
        return person.email
    return f"@{person.handle}"


def name_key(person: Person) -> str:
    """What knows a person of whom the file has a name only."""
    return f"={person.handle}"


def _only(
    planned: members.Plan, wanted: set[str], key: Callable[[Person], str]
) -> members.Plan:
    return members.Plan(
        [one for one in planned.new if key(one) in wanted],
        [(one, id_) for one, id_ in planned.known if key(one) in wanted],
    )


def _answer(columns: Columns, row: list[str], came_at: datetime | None) -> Answer | None:
    """What a row says of coming; a list without any such column is of those who came."""
    text = plain(columns.said(row, "status"))
    answer = ANSWER_OF.get(text) if text else Answer.REGISTERED
    if answer in {Answer.DRAWN, Answer.REGISTERED} and came_at is not None:
        return Answer.ATTENDED
    if answer is Answer.REGISTERED and not columns.has("status", "checked_in_at"):
        return Answer.ATTENDED
    return answer


def _scanned(found: list[Seat], tally: Tally) -> list[Seat]:
    """Where somebody was scanned, who was not did not come; where nobody was, who knows?"""
    scanned = {seat.meetup for seat in found if seat.came_at is not None}
    kept = []
    for seat in found:
        if seat.answer in {Answer.DRAWN, Answer.REGISTERED}:
            if seat.meetup not in scanned:
                tally.add("nobody_scanned", seat.line, seat.row)
                continue
            seat.answer = Answer.NO_SHOW
        kept.append(seat)
    return kept


async def plan(
    found: list[Seat], people: dict[str, Person], reading: Reading, tally: Tally
) -> Plan:
    """Which meetups and which people are new, and which answers are known already."""
    crowd = await _crowd(people, reading)
    known = crowd.known()
    refused = people.keys() - known.keys()
    refused -= {person_key(one) for one in crowd.proven.new}
    refused -= {name_key(one) for one in crowd.named.new}
    evenings = _evenings(found, reading)
    await _look_up(evenings, reading)
    there = await _answers_there([one.meetup_id for one in evenings if one.meetup_id])
    for evening in evenings:
        kept = []
        for seat in evening.seats:
            code = _code(seat, evening, set(refused), there, known)
            tally.add(code, seat.line, seat.row)
            if code == "new_attendance":
                kept.append(seat)
        evening.seats = kept
    wanted = {seat.person for evening in evenings for seat in evening.seats}
    return Plan(evenings, crowd.only(wanted), known)


def _code(
    seat: Seat,
    evening: Evening,
    refused: set[str],
    there: dict[tuple[UUID, UUID], bool | None],
    known: dict[str, UUID],
) -> str:
    """What becomes of one answer."""
    if seat.person in refused:
        return "two_people"
    if evening.is_live:
        return "live_meetup"
    member, meetup = known.get(seat.person), evening.meetup_id
    if member is None or meetup is None or (meetup, member) not in there:
        return "new_attendance"
    came = None if seat.answer is Answer.LOST_DRAW else seat.answer is Answer.ATTENDED
    same = there[meetup, member] is came
    return "known_attendance" if same else "other_status"


async def _crowd(people: dict[str, Person], reading: Reading) -> Crowd:
    """Who of these people is known, by the channel that knows them."""
    imported = reading.import_channel_id or NO_CHANNEL
    proven = [one for one in people.values() if not one.by_name]
    named = [one for one in people.values() if one.by_name]
    return Crowd(
        await members.plan(proven, reading.channel_id or imported, Tally()),
        await members.plan(named, imported, Tally()),
    )


def _evenings(found: list[Seat], reading: Reading) -> list[Evening]:
    """The meetups of the file in order of time, each from all that is said of it."""
    by_meetup: dict[Key, list[Seat]] = defaultdict(list)
    for seat in found:
        by_meetup[seat.meetup].append(seat)
    evenings = []
    for (_, day), rows in by_meetup.items():
        usual = datetime.combine(day, USUAL_START, reading.dates.zone)
        lost = sum(seat.answer is Answer.LOST_DRAW for seat in rows)
        told = [seat.told for seat in rows]
        evenings.append(
            Evening(
                title=min(one.title for one in told),
                day=day,
                starts_at=min((s.starts_at for s in told if s.starts_at), default=usual),
                series=min((one.series for one in told if one.series), default=""),
                venue=min((one.venue for one in told if one.venue), default=""),
                capacity=max(1, len(rows) - lost, *(one.capacity for one in told)),
                is_lottery=lost > 0,
                seats=sorted(rows, key=lambda seat: seat.person),
            )
        )
    return sorted(evenings, key=lambda one: (one.starts_at, one.title))


async def _look_up(evenings: list[Evening], reading: Reading) -> None:
    """Which of these meetups are known by name and day, and which are still live."""
    rows = await sql(
        "SELECT id, title, starts_at, time_zone, closed_at FROM meetup"
        " WHERE workspace_id = ANY (apero_scope()) AND community_id = $1"
        " AND cancelled_at IS NULL",
        reading.community_id,
    )
    there = {
        (
            slug_of(row["title"]),
            row["starts_at"].astimezone(zone(row["time_zone"])).date(),
        ): row
        for row in rows
    }
    for evening in evenings:
        row = there.get((slug_of(evening.title), evening.day))
        if row is not None:
            evening.meetup_id = row["id"]
            evening.is_live = row["closed_at"] is None


async def _answers_there(
    meetup_ids: list[UUID],
) -> dict[tuple[UUID, UUID], bool | None]:
    """Who is registered to these: came, did not come, or None for a lost draw."""
    rows = await sql(
        "SELECT meetup_id, member_id, CASE WHEN status = 'confirmed'"
        " THEN attended_at IS NOT NULL END AS came FROM registration"
        " WHERE workspace_id = ANY (apero_scope()) AND meetup_id = ANY ($1::uuid[])",
        meetup_ids,
    )
    return {(row["meetup_id"], row["member_id"]): row["came"] for row in rows}
