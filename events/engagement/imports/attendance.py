"""A file of attendance: past meetups, and who came to each.

A person is known by her e-mail; without one by her handle in the chosen channel; without
either by her name as this community's files write it: such a name is an identity of the
channel "import", so that one file after another speaks of the same person, while a name
never meets a member who has an address (ideas.md 2.11).

A meetup is known by its name and day. One that is run here and not closed is left alone:
its own door says who came.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from events.engagement.imports import headings, members
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

IMPORT_CHANNEL = "import"
NO_CHANNEL = UUID(int=0)
USUAL_START = time(19)
USUAL_LENGTH = timedelta(hours=3)


class Answer(StrEnum):
    """What a file says of one person at one meetup."""

    ATTENDED = "attended"
    NO_SHOW = "no_show"
    LOST_DRAW = "lost_draw"
    DRAWN = "drawn"
    REGISTERED = "registered"
    WAITED = "waited"
    NOT_COMING = "not_coming"


_ANSWERS = {
    Answer.ATTENDED: (
        "attended", "present", "presente", "came", "venu", "venue", "checked in", "yes", "oui",
        "true", "1", "x", "arrived", "show", "arrive", "arrivee", "a participe",
    ),
    Answer.NO_SHOW: (
        "no show", "noshow", "absent", "absente", "absence", "did not come", "not checked in",
        "non venu", "non venue", "no", "non", "false", "0", "pas venu", "pas venue",
    ),
    Answer.LOST_DRAW: (
        "lost draw", "lost the draw", "not drawn", "non tire", "non tiree", "perdu au tirage",
    ),
    Answer.DRAWN: ("drawn", "won", "admitted", "tire", "tiree", "tire au sort", "admis"),
    Answer.REGISTERED: (
        "registered", "confirmed", "going", "approved", "attending", "inscrit", "inscrite",
        "confirme", "confirmee",
    ),
    Answer.WAITED: ("waitlist", "waitlisted", "waiting", "en attente", "liste d attente"),
    Answer.NOT_COMING: (
        "cancelled", "canceled", "declined", "not going", "annule", "annulee", "refunded",
        "not attending", "rejected", "invited", "pending approval",
    ),
}  # fmt: skip
_ANSWER_OF = {text: answer for answer, texts in _ANSWERS.items() for text in texts}

Key = tuple[str, date]


@dataclass(slots=True)
class Seat:
    """One row: a person, a meetup, and what the file says of both."""

    line: int
    row: list[str]
    meetup: Key
    title: str
    starts_at: datetime | None
    person: str
    answer: Answer
    came_at: datetime | None
    series: str
    venue: str
    capacity: int

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
class Plan:
    """The evenings of a file, and the people in them by what knows them."""

    evenings: list[Evening]
    people: dict[UUID, members.Plan]
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
        people.setdefault(seat.person, person)
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


def _seat(line: int, row: list[str], reading: Reading) -> tuple[Seat, Person] | str:
    """A row as an answer and its person, or the code of why it cannot be used."""
    columns, dates = reading.columns, reading.dates
    if has_too_many(columns, row):
        return "too_many_cells"
    title = tidy_name(columns.said(row, "meetup"))
    came = columns.said(row, "checked_in_at")
    when = columns.said(row, "date")
    try:
        day = dates.day(when)
        starts_at = dates.moment(when) if dates.has_time(when) else None
        came_at = dates.moment(came) if came else None
        person = _person(line, row, reading)
    except (Invalid, Ambiguous, NotADate) as error:
        return why_not(error)
    answer = _answer(columns, row, came_at)
    capacity = columns.said(row, "capacity").replace(" ", "").replace("\u202f", "")
    if wrong := _wrong(title, day, person, answer, capacity, reading.today):
        return wrong
    assert person is not None and answer is not None  # noqa: S101, PT018 - told above
    seat = Seat(
        line=line,
        row=row,
        meetup=(slug_of(title), day),
        title=title,
        starts_at=starts_at,
        person=person_key(person),
        answer=answer,
        came_at=came_at if answer is Answer.ATTENDED else None,
        series=tidy_name(columns.said(row, "series")),
        venue=tidy_name(columns.said(row, "venue")),
        capacity=int(capacity or 0),
    )
    return seat, person


def _wrong(
    title: str,
    day: date,
    person: Person | None,
    answer: Answer | None,
    capacity: str,
    today: date,
) -> str:
    """The code of what keeps a row out, or nothing."""
    if not slug_of(title):
        return "no_meetup"
    if day > today:
        return "future"
    if person is None:
        return "empty"
    if answer is None:
        return "unknown_status"
    if answer in {Answer.WAITED, Answer.NOT_COMING}:
        return answer.value
    if capacity and not (capacity.isascii() and capacity.isdigit() and len(capacity) < 6):  # noqa: PLR2004
        return "bad_number"
    return ""


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
    return Person(line, row, email, handle, name, None, "", reading.community_id)


def person_key(person: Person) -> str:
    """What knows a person in this file: her address, her handle, or her name."""
    if person.email:
        return person.email
    return f"@{person.handle}" if person.handle else f"={tidy_handle(person.name)}"


def _answer(columns: Columns, row: list[str], came_at: datetime | None) -> Answer | None:
    """What a row says of coming; a list without any such column is of those who came."""
    text = plain(columns.said(row, "status"))
    answer = _ANSWER_OF.get(text) if text else Answer.REGISTERED
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
    planned, known, refused = await _people(people, reading)
    evenings = _evenings(found, reading)
    await _look_up(evenings, reading)
    there = await _answers_there([one.meetup_id for one in evenings if one.meetup_id])
    for evening in evenings:
        kept = []
        for seat in evening.seats:
            code = _code(seat, evening, refused, there, known)
            tally.add(code, seat.line, seat.row)
            if code == "new_attendance":
                kept.append(seat)
        evening.seats = kept
    wanted = {seat.person for evening in evenings for seat in evening.seats}
    return Plan(evenings, {c: _only(p, wanted) for c, p in planned.items()}, known)


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


def _only(planned: members.Plan, wanted: set[str]) -> members.Plan:
    """The people who have an answer to be written."""
    return members.Plan(
        [one for one in planned.new if person_key(one) in wanted],
        [(one, id_) for one, id_ in planned.known if person_key(one) in wanted],
    )


async def _people(
    people: dict[str, Person], reading: Reading
) -> tuple[dict[UUID, members.Plan], dict[str, UUID], set[str]]:
    """The people by the channel that knows them; who is known; who is two people."""
    channel = reading.channel_id or reading.import_channel_id or NO_CHANNEL
    named = reading.import_channel_id or NO_CHANNEL
    groups: dict[str, list[Person]] = {"": [], "=": []}
    for key, person in people.items():
        groups["=" if key.startswith("=") else ""].append(person)
    planned = {}
    known: dict[str, UUID] = {}
    kept: set[str] = set()
    for sign, where in (("", channel), ("=", named)):
        group = [_by_name(one) if sign else one for one in groups[sign]]
        result = await members.plan(group, where, Tally())
        known |= {_key(one, sign): id_ for one, id_ in result.known}
        kept |= {_key(one, sign) for one in result.new} | known.keys()
        planned[sign] = result
    return planned, known, people.keys() - kept


def _by_name(person: Person) -> Person:
    return Person(
        person.line, person.row, "", tidy_handle(person.name), person.name, None, "",
        person.community_id,
    )  # fmt: skip


def _evenings(found: list[Seat], reading: Reading) -> list[Evening]:
    """The meetups of the file in order of time, each from all that is said of it."""
    by_meetup: dict[Key, list[Seat]] = defaultdict(list)
    for seat in found:
        by_meetup[seat.meetup].append(seat)
    evenings = []
    for (_, day), rows in by_meetup.items():
        usual = datetime.combine(day, USUAL_START, reading.dates.zone)
        told = Counter(seat.answer for seat in rows)
        evenings.append(
            Evening(
                title=min(seat.title for seat in rows),
                day=day,
                starts_at=min((s.starts_at for s in rows if s.starts_at), default=usual),
                series=min((s.series for s in rows if s.series), default=""),
                venue=min((s.venue for s in rows if s.venue), default=""),
                capacity=max(
                    1, len(rows) - told[Answer.LOST_DRAW], *(s.capacity for s in rows)
                ),
                is_lottery=bool(told[Answer.LOST_DRAW]),
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
        (slug_of(row["title"]), row["starts_at"].astimezone(zone(row["time_zone"])).date()): row
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


def rows_of(evenings: list[Evening]) -> Iterator[tuple[Evening, Seat]]:
    """Every answer with its evening."""
    for evening in evenings:
        for seat in evening.seats:
            yield evening, seat
