"""A series that somebody's calendar follows: six programs agree with our pages, always.

The feed is the one of the real address, fetched again after each change: first three
editions prepared and one public; then one moved and one called off; then the rhythm changed
from a date on.
In three zones, of which one moves its clocks by half an hour. Two of the programs run under
Node; one of them reads what a subscription brought through a CalDAV server.
"""

import asyncio
from datetime import UTC, date, datetime, time, timedelta

import pytest

from events.admission import registrations, tickets, timetables
from events.admission.timetables import Desk
from events.engagement import plans
from events.planning import drafts, meetups, recurrences, series
from events.planning.meetups import Meetup
from events.planning.recurrences import Rhythm
from events.planning.series import Template
from server.database import find, scoped
from tests import world
from tests.interop import readers
from tests.planning.evenings import a_community

CLOCK = {"x-apero-now": world.NOW.isoformat()}
ZONES = {
    "paris": "Europe/Paris",
    "york": "America/New_York",
    "howe": "Australia/Lord_Howe",
}
SINCE, UNTIL = datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC)

pytestmark = pytest.mark.xdist_group("calendar_clients")


@pytest.fixture
def desk(settings, cast):
    return Desk(cast.orbelune, world.ORIGIN, tickets.keys_of(settings))


def every_thursday(key: str, **facts) -> Rhythm:
    rhythm = {
        "rule": "FREQ=WEEKLY;BYDAY=TH",
        "starts_on": date(2026, 11, 12),
        "starts_time": time(19),
        "minutes": 180,
        "time_zone": key,
    }
    return Rhythm(**rhythm | facts)


async def announced(who) -> dict[str, object]:
    """A series in each zone, with its dates announced and none of them public."""
    told = {"by": who.as_ana, "now": who.now}
    community = await a_community(who)
    made = {}
    for name, key in ZONES.items():
        line = await series.make_series(name, community_id=community, **told)
        template = Template(name=name, representative="Ana", capacity=20)
        await series.reshape(line.id, template, **told)
        await recurrences.begin(line.id, every_thursday(key), **told)
        await recurrences.skip(line.id, date(2026, 12, 24), **told)
        await series.announce(line.id, **told)
        made[name] = line
    return made


async def prepared(who, line, desk) -> list[Meetup]:
    """The next three editions; the second is public."""
    told = {"by": who.as_ana, "now": who.now}
    found = await drafts.prepare(line.id, key_id=desk.keys.current, **told)
    await plans.publish(found[1], **told)
    async with scoped(who.as_ana):
        return [await find(Meetup, one.id) for one in found]


async def moved_and_called_off(who, line, desk, held) -> None:
    """The public one a day later and shorter; the third called off before it is public."""
    told = {"by": who.as_ana, "now": who.now}
    async with scoped(who.as_ana):
        room = await meetups.room(held[1].id)
    plan = timetables.plan_of(held[1], room.capacity)
    plan = _shifted(plan, timedelta(days=1, hours=1), title=f"{line.name} ailleurs")
    await registrations.change_meetup(
        held[1], plan, origin=desk.origin, workspace=desk.look, keys=desk.keys, **told
    )
    await registrations.cancel_meetup(held[2], "Grève.", **told)


def _shifted(plan, by, **facts):
    starts = plan.starts_at + by
    changed = {"starts_at": starts, "ends_at": starts + timedelta(hours=2)} | facts
    return type(plan)(
        **{name: getattr(plan, name) for name in plan.__struct_fields__} | changed
    )


async def on_tuesdays(who, line, desk, key) -> None:
    """From a date on, every second Tuesday at half past six."""
    wanted = every_thursday(
        key,
        rule="FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
        starts_on=date(2027, 1, 5),
        starts_time=time(18, 30),
    )
    since = date(2026, 12, 31)
    await timetables.rearrange(
        line.id,
        since,
        wanted,
        include_apart=False,
        desk=desk,
        by=who.as_ana,
        now=who.now,
    )


async def on_our_pages(who, line) -> list[readers.Seen]:
    """The editions as the page of the series shows them."""
    async with scoped(who.as_ana):
        found = await recurrences.editions(
            line.id, since=SINCE.date(), until=UNTIL.date() - timedelta(days=2)
        )
    return sorted(
        readers.Seen(
            one.starts_at,
            one.ends_at,
            one.title if one.published_at else line.name,
            one.cancelled_at is not None,
        )
        for one in found
    )


async def fetched(browser, names) -> dict[str, bytes]:
    answers = {}
    for name in names:
        answer = await browser.get(f"/m/orbelune/s/{name}.ics", headers=CLOCK)
        assert answer.status_code == 200, answer.text
        answers[name] = answer.content
    return answers


async def test_every_program_sees_what_our_pages_show_before_and_after_each_change(
    browser, cast, desk, tmp_path
):
    made = await announced(cast)
    feeds = await fetched(browser, made)
    changes = [{} for _ in range(3)]
    with readers.published(feeds) as address, readers.caldav(tmp_path / "server") as server:
        (tmp_path / "home").mkdir()
        names = list(made)
        subscriber = await asyncio.to_thread(
            readers.Subscriber, tmp_path / "home", address, server, names
        )
        held = {n: await prepared(cast, line, desk) for n, line in made.items()}
        for step, shown in enumerate(changes):
            for name, line in made.items():
                if step == 1:
                    await moved_and_called_off(cast, line, desk, held[name])
                elif step == 2:
                    await on_tuesdays(cast, line, desk, ZONES[name])
                shown[name] = await on_our_pages(cast, line)
            feeds.update(await fetched(browser, made))
            seen = await asyncio.to_thread(all_readers, feeds, subscriber)
            for reader, found in seen.items():
                assert found == shown, (step, reader)
    assert [len(one["paris"]) for one in changes] == [24, 24, 15]
    assert changes[0] != changes[1] != changes[2]
    assert [sum(one.is_off for one in shown["howe"]) for shown in changes] == [0, 1, 1]


def all_readers(feeds, subscriber) -> dict[str, dict[str, list[readers.Seen]]]:
    """Each program, and what it sees of each calendar."""
    texts = {name: content.decode() for name, content in feeds.items()}
    node = readers.under_node(texts, SINCE, UNTIL)
    subscriber.fetch()
    return {
        "ical.js": {name: one["ical.js"] for name, one in node.items()},
        "node-ical": {name: one["node-ical"] for name, one in node.items()},
        "vobject": {n: readers.by_vobject(t, SINCE, UNTIL) for n, t in texts.items()},
        "recurring": {n: readers.by_recurring(t, SINCE, UNTIL) for n, t in texts.items()},
        "khal": subscriber.shows(SINCE, UNTIL),
    }
