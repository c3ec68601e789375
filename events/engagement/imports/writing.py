"""Writing a file: what the preview showed, by the ordinary commands of each concept."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from events.admission import registrations
from events.admission.registrations import Past, Status
from events.admission.tickets import Keys
from events.engagement import activity
from events.engagement.activity import Act
from events.engagement.imports import acts, attendance, looking, members
from events.engagement.imports.answers import Answer
from events.engagement.imports.attendance import Evening, Seat
from events.engagement.imports.headings import Kind
from events.engagement.imports.looking import Given, Reader
from events.engagement.imports.tallies import Outcome, Tally
from events.people import channels, consents
from events.people.channels import OF_FILES, ChannelKind
from events.people.consents import Purpose
from events.planning import meetups, series, venues
from events.planning.meetups import Admission, Meetup
from server import workspaces
from server.audit import Actor
from server.database import find
from server.look import Look

Progress = Callable[[int, int], None]


async def write(
    given: Given,
    read: Reader,
    run_id: UUID,
    *,
    keys: Keys,
    by: Actor,
    now: datetime,
    on_progress: Progress | None,
) -> Outcome:
    """Write a file in the current transaction."""
    sheet = read.sheet
    tell = on_progress or _nothing
    tally = Tally()
    tell(0, sheet.size)
    if given.kind is Kind.MEMBERS:
        people = await _members(given, read, tally, by=by, now=now)
    elif given.kind is Kind.ACTIVITY:
        people = await _acts(given, read, tally, tell, by=by, now=now)
    else:
        people = await _attendance(given, read, tally, keys=keys, by=by, now=now)
    tell(sheet.size, sheet.size)
    return Outcome(
        kind=given.kind,
        filename=given.filename,
        counts=tally.counts(),
        reasons={reason.code: reason.count for reason in tally.ordered()},
        agreed=await _agree(given, people, run_id, by=by, now=now),
    )


def _nothing(_done: int, _total: int) -> None:
    """Nobody watches."""


async def _agree(
    given: Given, people: set[UUID], run_id: UUID, *, by: Actor, now: datetime
) -> int:
    """Note the agreement that came with the file, for those who never answered."""
    if not given.choices.linking_text:
        return 0
    return await consents.agree_all(
        sorted(people),
        Purpose.LINKING,
        text=given.choices.linking_text,
        language=given.choices.language,
        via=f"import:{run_id}",
        by=by,
        now=now,
    )


async def _members(
    given: Given, read: Reader, tally: Tally, *, by: Actor, now: datetime
) -> set[UUID]:
    planned = await looking.members_of(given, read, tally)
    written = await members.write(planned, given.channel_id, by=by, now=now)
    return {id_ for _, id_ in written}


async def _acts(
    given: Given, read: Reader, tally: Tally, tell: Progress, *, by: Actor, now: datetime
) -> set[UUID]:
    """Part by part; only hashes of what was seen stay in memory."""
    assert given.channel_id is not None  # noqa: S101 - checked before anything is read
    differ = await looking.differing(read, now)
    seen: set[int] = set()
    people: set[UUID] = set()
    done = 0
    reading = acts.Reading(read.sheet, read.columns, read.dates, now=now)
    for part in reading.parts():
        usable = _usable(part, differ, seen, tally)
        linked = await _linked(usable)
        recorded = await activity.keep(linked, channel_id=given.channel_id, by=by, now=now)
        for fate, (act, _) in zip(recorded.fates, usable, strict=True):
            seen.add(hash(act.external_id))
            tally.add(acts.CODES[fate])
        people |= recorded.member_ids
        done += len(part)
        tell(done, read.sheet.size)
        await asyncio.sleep(0)
    return people


def _usable(
    part: list[tuple[acts.Row, Act | str, str]],
    differ: set[int],
    seen: set[int],
    tally: Tally,
) -> list[tuple[Act, str]]:
    """The acts of a part that are to be kept, each once, with the e-mail beside it."""
    usable: list[tuple[Act, str]] = []
    here: set[str] = set()
    for _, act, email in part:
        if code := looking.refused(act, differ):
            tally.add(code)
        elif isinstance(act, Act):
            if act.external_id in here or hash(act.external_id) in seen:
                tally.add("said_before")
            else:
                here.add(act.external_id)
                usable.append((act, email))
    return usable


async def _linked(usable: list[tuple[Act, str]]) -> list[Act]:
    """The same acts, with the member whose e-mail stands beside them."""
    emails = sorted({email for _, email in usable if email})
    if not emails:
        return [act for act, _ in usable]
    known = await members.members_of_emails(emails)
    return [
        Act(act.external_id, act.handle, act.kind, act.at, known.get(email))
        for act, email in usable
    ]


async def _attendance(
    given: Given, read: Reader, tally: Tally, *, keys: Keys, by: Actor, now: datetime
) -> set[UUID]:
    planned = await looking.attendance_of(given, read, tally, now)
    imported = await channels.channel_named(
        given.community_id, OF_FILES, ChannelKind.OTHER, by=by, now=now
    )
    channel = given.channel_id or imported
    proven = await members.write(planned.crowd.proven, channel, by=by, now=now)
    named = await members.write(planned.crowd.named, imported, by=by, now=now)
    known = planned.known | {attendance.person_key(one): id_ for one, id_ in proven}
    known |= {attendance.name_key(one): id_ for one, id_ in named}
    look = await workspaces.look_by_id(by.workspace_id)
    for evening in planned.evenings:
        if evening.seats:
            await _evening(evening, known, given, look, keys=keys, by=by, now=now)
    return set(known.values())


async def _evening(
    evening: Evening,
    known: dict[str, UUID],
    given: Given,
    look: Look,
    *,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> None:
    """One past meetup: planned, published, filled and closed as any other."""
    meetup = await _meetup(evening, given, look, keys=keys, by=by, now=now)
    past = [_past(seat, known[seat.person], evening) for seat in evening.seats]
    await registrations.import_attendance(meetup, past, keys=keys, by=by, now=now)
    if evening.meetup_id is None:
        await meetups.close(meetup, by=by, now=now)


async def _meetup(
    evening: Evening, given: Given, look: Look, *, keys: Keys, by: Actor, now: datetime
) -> Meetup:
    """The meetup of this name and day, made and published on first sight."""
    if evening.meetup_id is not None:
        return await find(Meetup, evening.meetup_id)
    place = evening.venue and await venues.make_venue(evening.venue, by=by, now=now)
    run_of = evening.series and await series.make_series(
        evening.series, community_id=given.community_id, by=by, now=now
    )
    wanted = meetups.Plan(
        title=evening.title,
        community_id=given.community_id,
        starts_at=evening.starts_at,
        ends_at=evening.starts_at + attendance.USUAL_LENGTH,
        time_zone=look.time_zone,
        capacity=evening.capacity,
        venue_id=place or None,
        series_id=run_of.id if run_of else None,
        representative=look.persona or look.name,
        admission=Admission.LOTTERY if evening.is_lottery else Admission.FIRST_COME,
    )
    meetup = await meetups.plan(wanted, key_id=keys.current, by=by, now=now)
    await meetups.publish(meetup, by=by, now=now)
    return await find(Meetup, meetup.id)


def _past(seat: Seat, member_id: UUID, evening: Evening) -> Past:
    """One answer as the registration keeps it."""
    if seat.answer is Answer.LOST_DRAW:
        return Past(member_id=member_id, status=Status.LOST_DRAW, is_drawn=False)
    came = seat.answer is Answer.ATTENDED
    return Past(
        member_id=member_id,
        status=Status.CONFIRMED,
        attended_at=(seat.came_at or evening.starts_at) if came else None,
        is_drawn=True if evening.is_lottery else None,
    )
