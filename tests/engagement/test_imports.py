"""Files as they really come: read, looked at, written once, and never twice."""

import random
import re
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.admission.tickets import keys_of
from events.engagement import imports
from events.engagement.imports import Choices, Given, Kind, UnreadableFile, headings, sheets
from events.engagement.imports.dates import Ambiguous, Dates, NotADate
from events.pages import imports as import_pages
from events.people import channels, consents, identities, members
from events.people.channels import make_channel
from events.people.communities import make_community
from events.people.consents import Purpose
from server.database import scoped, sql
from server.errors import Invalid, NotFound
from server.i18n import use, zone
from tests import world

GOLDEN = Path(__file__).parent.parent / "golden"
PARIS = zone("Europe/Paris")


@pytest.fixture
async def place(cast, settings):
    """Ana's community and its forum; Dov has the same beside it, with people in it."""
    for by in (cast.as_dov, cast.as_ana):
        async with scoped(by):
            community = await make_community("Lunatiques", by=by, now=cast.now)
            channel = await make_channel(
                community.id, "Forum", "forum", by=by, now=cast.now
            )
            if by is cast.as_dov:
                for name in ("ines", "theo", "ada", "a"):
                    await members.known(
                        f"{name}@example.org",
                        name=f"Their {name}",
                        language="en",
                        community_id=community.id,
                        by=by,
                        now=cast.now,
                    )
    return SimpleNamespace(
        by=cast.as_ana,
        dov=cast.as_dov,
        now=max(cast.now, datetime(2026, 11, 1, tzinfo=UTC)),
        community=community.id,
        channel=channel.id,
        keys=keys_of(settings),
    )


def a_file(place, kind, content, *, channel=True, **choices):
    if isinstance(content, str):
        content = (GOLDEN / content).read_bytes()
    return Given(
        kind=Kind(kind),
        content=content,
        filename="file.csv",
        community_id=place.community,
        channel_id=place.channel if channel else None,
        choices=Choices(**choices),
    )


async def look(place, given_):
    return await imports.preview(given_, by=place.by, now=place.now)


async def bring(place, given_, **more):
    return await imports.run(
        given_, dry_run=False, keys=place.keys, by=place.by, now=place.now, **more
    )


async def rows(place, query, *args):
    async with scoped(place.by):
        return [tuple(row) for row in await sql(query, *args)]


async def everything(place):
    """All that imports write, without keys and moments."""
    return {
        name: await rows(place, query)
        for name, query in {
            "member": "SELECT name, email, joined_on FROM member ORDER BY 1, 2",
            "belonging": "SELECT count(*) FROM belonging",
            "identity": "SELECT i.handle, i.proof, m.name FROM identity i"
            " LEFT JOIN member m ON m.id = i.member_id ORDER BY 1",
            "activity": "SELECT external_id, kind, at FROM activity ORDER BY 1",
            "day": "SELECT i.handle, d.day, d.acts FROM activity_day d"
            " JOIN identity i ON i.id = d.identity_id ORDER BY 1, 2",
            "meetup": "SELECT title, starts_at, admission, closed_at IS NOT NULL,"
            " series_id IS NOT NULL FROM meetup ORDER BY 2",
            "seating": "SELECT capacity, taken FROM seating ORDER BY 1, 2",
            "registration": "SELECT t.title, m.name, r.status, r.is_drawn,"
            " r.attended_at FROM registration r JOIN meetup t ON t.id = r.meetup_id"
            " JOIN member m ON m.id = r.member_id ORDER BY 1, 2",
            "consent": "SELECT count(*) FROM consent",
        }.items()
    }


# Headings and sheets


@pytest.mark.parametrize(
    ("name", "encoding", "delimiter", "kind", "at", "kept_out"),
    [
        ("members_fr.csv", "utf-8-sig", ";", "members", {"first_name", "name", "email", "joined_on"}, ["Rôle"]),
        ("members_latin1.csv", "cp1252", ";", "members", {"name", "email", "joined_on"}, []),
        ("members_meetup_fr.xls", "utf-16", "\t", "members", {"name", "handle", "joined_on"}, []),
        ("members_luma.csv", "utf-8-sig", ",", "members", {"name", "first_name", "last_name", "email", "joined_on"}, []),
        ("members_discourse.csv", "utf-8", ",", "members", {"name", "handle", "email", "joined_on"}, ["admin", "moderator", "ip_address"]),
        ("members_eventbrite_uk.csv", "utf-8", ",", "members", {"first_name", "last_name", "email"}, []),
        ("activity_en.csv", "utf-8", ",", "activity", {"external_id", "handle", "email", "kind", "at"}, []),
        ("activity_fr.csv", "utf-8-sig", ";", "activity", {"handle", "kind", "at"}, []),
        ("attendance_names.csv", "utf-8", ",", "attendance", {"meetup", "date", "name"}, []),
        ("attendance_luma.csv", "utf-8-sig", ",", "attendance", {"name", "email", "meetup", "date", "status", "checked_in_at", "venue", "capacity", "series"}, []),
        ("attendance_lottery.csv", "utf-8", ";", "attendance", {"meetup", "date", "email", "name", "status"}, []),
    ],
)  # fmt: skip
def test_files_of_every_house_are_understood(name, encoding, delimiter, kind, at, kept_out):
    sheet = sheets.read((GOLDEN / name).read_bytes())
    columns = headings.match(sheet.headings, Kind(kind))
    assert (sheet.encoding, sheet.delimiter) == (encoding, delimiter)
    assert set(columns.at) == at
    assert columns.kept_out == kept_out
    assert headings.missing(columns, Kind(kind)) == []


def test_headings_are_compared_without_dress():
    dressed = ["\ufeffE-Mail ", "  PRÉNOM", "Nom\u00a0de\u00a0famille", "e_mail", "Truc"]
    columns = headings.match(dressed, Kind.MEMBERS)
    assert columns.at == {"email": 0, "first_name": 1, "last_name": 2}
    assert columns.twice == ["e_mail"]
    assert columns.unknown == ["Truc"]


BOMBS = {
    "columns": b"," * 1_000_000 + b"\n",
    "columns in a row": b"email\n" + b"," * 300 + b"\n",
    "columns without end": b"a;" * 20_000_000,
    "rows": b"a,b\n" * 1_000_002,
    "short rows": b"a\n" * 20_000_000,
    "an open quote": b'email,name\n"x,' + b"y,z\n" * 5_000_000,
    "an open quote in a small file": b'email,name\n"x,y\nz,t\n',
    "quotes over lines": b"a,b\n" + b'"\n",' * 5_000_000,
    "a long cell": b"a,b\n" + b"x" * 120_000 + b",b\n",
    "a longer cell": b"a,b\n" + b"x" * 900_000 + b",b\n",
    "badly quoted": b'a,b\n"x"y,z\n',
    "nul": b"a,b\n1,\x002\n",
    "a workbook": b"PK\x03\x04" + b"x" * 100,
    "an old workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 100,
    "nothing": b"",
    "blank": b"\n , \n\n",
    "half a letter": "é,b\n1,2\n".encode("utf-16")[:-1],
    "utf-16 nul": "a,b\n\0,2\n".encode("utf-16"),
    "a wrong mark": b"\xef\xbb\xbfa,\xe9\n",
    "too large": b"a\n" + b"1234567\n" * (8 * 1024 * 1024 + 1),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once_with_a_sentence(name):
    started = time.process_time()
    with pytest.raises(UnreadableFile) as refusal:
        sheets.read(BOMBS[name])
    # Two seconds; measuring coverage costs three times as much.
    assert time.process_time() - started < (6 if "coverage" in sys.modules else 2)
    assert str(refusal.value.fields["file"]) == str(refusal.value)
    assert str(refusal.value).endswith((".", "?"))


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400)
    | st.text(max_size=200).map(lambda t: t.encode("utf-8", "ignore"))
)
def test_any_bytes_are_read_or_refused(content):
    try:
        sheet = sheets.read(content)
    except UnreadableFile:
        return
    found = list(sheet.rows())
    assert len(found) == sheet.size
    for kind in Kind:
        columns = headings.match(sheet.headings, kind)
        for _, row in found:
            headings.name_in(columns, row)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=45) | st.from_regex(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.{0,12}"))
def test_any_text_is_a_date_or_is_not(text):
    dates = Dates(PARIS)
    dates.learn(text)
    for read in (dates.day, dates.moment, dates.has_time):
        try:
            read(text)
        except (NotADate, Ambiguous):
            continue


@pytest.mark.parametrize(
    ("text", "day_first", "expected"),
    [
        ("2026-03-05", None, datetime(2026, 3, 5, 11, tzinfo=UTC)),
        ("2026-03-05T19:30:00Z", None, datetime(2026, 3, 5, 19, 30, tzinfo=UTC)),
        ("2026-03-05 19:30:00 UTC", None, datetime(2026, 3, 5, 18, 30, tzinfo=UTC)),
        ("13/04/2026", None, datetime(2026, 4, 13, 10, tzinfo=UTC)),
        ("04/13/2026 7:05 PM", None, datetime(2026, 4, 13, 17, 5, tzinfo=UTC)),
        ("03/04/2026 10h05", True, datetime(2026, 4, 3, 8, 5, tzinfo=UTC)),
        ("03/04/2026 10:05", False, datetime(2026, 3, 4, 9, 5, tzinfo=UTC)),
        ("03.04.26", None, datetime(2026, 4, 3, 10, tzinfo=UTC)),
        ("2026/4/3", None, datetime(2026, 4, 3, 10, tzinfo=UTC)),
    ],
)
def test_dates_are_read(text, day_first, expected):
    assert Dates(PARIS, day_first).moment(text) == expected


@pytest.mark.parametrize("text", ["", "demain", "31/02/2026", "2026-13-01", "0001-01-01", "99/99/9999", "٣/٤/٢٠٢٦", "13/04/2026 27:00"])  # fmt: skip
def test_what_is_no_date_is_told(text):
    with pytest.raises(NotADate):
        Dates(PARIS).moment(text)


def test_a_date_that_reads_two_ways_is_never_guessed():
    dates = Dates(PARIS)
    dates.learn("03/04/2026")
    assert dates.needs_answer
    with pytest.raises(Ambiguous):
        dates.day("03/04/2026")
    dates.learn("25/04/2026")
    assert not dates.needs_answer
    assert dates.day("03/04/2026") == date(2026, 4, 3)
    dates.learn("04/25/2026")
    assert dates.needs_answer


# Members


async def test_members_are_looked_at_then_written_then_known(place):
    file = a_file(place, "members", "members_fr.csv")
    preview = await look(place, file)
    assert preview.counts == {"new": 2, "matched": 0, "conflict": 1, "ignored": 0}
    assert {one.code for one in preview.reasons} == {"new_member", "name_only"}
    assert preview.day_first is True
    assert (await everything(place))["member"] == []
    outcome = await bring(place, file)
    assert outcome.counts == preview.counts
    assert (await everything(place))["member"] == [
        ("Inès Moulin", "ines@example.org", date(2025, 4, 13)),
        ("Théo Nguyễn", "theo@example.org", date(2025, 5, 2)),
    ]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("members", "members_fr.csv"),
        ("members", "members_latin1.csv"),
        ("members", "members_meetup_fr.xls"),
        ("members", "members_discourse.csv"),
        ("activity", "activity_en.csv"),
        ("activity", "activity_fr.csv"),
        ("attendance", "attendance_names.csv"),
        ("attendance", "attendance_luma.csv"),
        ("attendance", "attendance_lottery.csv"),
    ],
)
async def test_the_same_file_twice_changes_nothing(place, kind, name):
    file = a_file(place, kind, name, linking_text="They agreed.", language="en")
    first = await bring(place, file)
    assert first.counts["new"] > 0
    before = await everything(place)
    again = await look(place, file)
    assert again.already_at == place.now
    assert again.counts["new"] == 0
    second = await bring(place, file)
    assert second.is_same_file
    assert await everything(place) == before
    # One more blank line: another hash, the same rows.
    text = file.content + ("\n".encode("utf-16-le") if name.endswith("xls") else b"\n")
    third = await bring(place, a_file(place, kind, text, linking_text="They agreed."))
    assert not third.is_same_file
    assert third.counts["new"] == 0
    assert await everything(place) == before


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("members", "members_eventbrite_uk.csv"),
        ("activity", "activity_en.csv"),
        ("activity", "activity_fr.csv"),
        ("attendance", "attendance_luma.csv"),
        ("attendance", "attendance_names.csv"),
    ],
)
async def test_a_reordered_file_gives_the_same_state(place, kind, name):
    head, *body = (GOLDEN / name).read_bytes().splitlines(keepends=True)
    await bring(place, a_file(place, kind, head + b"".join(body)))
    straight = await everything(place)
    random.Random(3).shuffle(body)
    other = SimpleNamespace(**vars(place) | {"by": place.dov})
    async with scoped(place.dov):
        community = (await sql("SELECT id FROM community"))[0]["id"]
        channel = (await sql("SELECT id FROM channel"))[0]["id"]
    other.community, other.channel = community, channel
    await bring(other, a_file(other, kind, head + b"".join(reversed(body))))
    reordered = await everything(other)
    for part in ("identity", "activity", "day", "meetup", "seating"):
        assert [row[:2] for row in reordered[part]] == [row[:2] for row in straight[part]]
    assert {one[1] for one in straight["member"]} <= {one[1] for one in reordered["member"]}


async def test_a_name_is_never_overwritten_and_an_empty_cell_is_filled(place):
    async with scoped(place.by):
        await members.known(
            "ines@example.org", name="Nès", language="fr", by=place.by, now=place.now
        )
    outcome = await bring(place, a_file(place, "members", "members_fr.csv"))
    assert outcome.reasons["same_email"] == 1
    assert ("Nès", "ines@example.org", date(2025, 4, 13)) in (await everything(place))[
        "member"
    ]


async def test_two_people_and_unknown_places_are_conflicts(place):
    async with scoped(place.by):
        for name in ("ines", "theo"):
            member = await members.known(
                f"{name}@example.org", name=name, language="fr", by=place.by, now=place.now
            )
            await identities.declare(
                name, channel_id=place.channel, member_id=member, by=place.by, now=place.now
            )
    text = (
        b"email,handle,community,joined\n"
        b"ines@example.org,theo,,\nx@example.org,theo,,\nbad@,,,\n,new,Nowhere,\n"
        b",@THEO,lunatiques,\n,,,\ny@example.org,,,soon\nz@example.org,,,,,extra\n"
    )
    preview = await look(place, a_file(place, "members", text))
    codes = {one.code: one.count for one in preview.reasons}
    assert codes == {
        "two_people": 2, "bad_email": 1, "unknown_community": 1, "same_handle": 1,
        "bad_date": 1, "too_many_cells": 1,
    }  # fmt: skip
    assert sum(codes.values()) == preview.rows


async def test_a_handle_without_a_channel_is_only_a_name(place):
    preview = await look(place, a_file(place, "members", b"pseudo\nines\n", channel=False))
    assert preview.counts["conflict"] == 1


async def test_what_is_missing_is_said_and_nothing_is_written(place):
    preview = await look(place, a_file(place, "activity", b"handle,role\nines,owner\n"))
    assert preview.missing == ["kind", "at"]
    assert preview.columns.kept_out == ["role"]
    outcome = await bring(place, a_file(place, "activity", b"handle,role\nines,owner\n"))
    assert outcome.is_dry
    assert outcome.problems == ["missing"]
    assert "owner" not in str(
        await rows(place, "SELECT role FROM membership WHERE role <> 'owner'")
    )


# Activity


async def test_activity_links_by_email_and_counts_days(place):
    await bring(place, a_file(place, "members", "members_fr.csv"))
    outcome = await bring(place, a_file(place, "activity", "activity_en.csv"))
    assert outcome.counts == {"new": 3, "matched": 0, "conflict": 0, "ignored": 1}
    state = await everything(place)
    assert ("ines", "imported", "Inès Moulin") in state["identity"]
    assert ("theo", "imported", None) in state["identity"]
    # 23:30 UTC on 28 March is already the 29th in Paris.
    assert state["day"] == [("ines", date(2026, 3, 28), 1), ("ines", date(2026, 3, 29), 1)]


async def test_rows_that_look_the_same_without_an_id_all_count(place):
    await bring(place, a_file(place, "activity", "activity_fr.csv"))
    assert (await everything(place))["day"] == [("inès", date(2026, 3, 28), 2)]


async def test_an_ambiguous_file_asks_once(place):
    file = a_file(place, "activity", "activity_ambiguous.csv")
    preview = await look(place, file)
    assert preview.asks_day_first
    assert not preview.may_commit
    run = await imports.receive(file, by=place.by, now=place.now)
    with pytest.raises(imports.NotReady):
        await imports.commit(run, keys=place.keys, by=place.by, now=place.now)
    async with scoped(place.by):
        await imports.choose(run, day_first=True, by=place.by, now=place.now)
    outcome = await imports.commit(run, keys=place.keys, by=place.by, now=place.now)
    assert outcome.counts["new"] == 2
    assert {day for _, day, _ in (await everything(place))["day"]} == {
        date(2026, 4, 3),
        date(2026, 6, 5),
    }
    with pytest.raises(imports.AlreadyCommitted):
        await imports.commit(run, keys=place.keys, by=place.by, now=place.now)
    assert await rows(place, "SELECT content FROM import_run") == [(None,)]


async def test_contradictions_in_a_file_are_kept_out_wherever_they_stand(place):
    text = b"id,handle,kind,at\n1,a,post,2026-01-01\n2,a,post,2026-01-02\n1,a,reply,2026-01-01\n"
    outcome = await bring(place, a_file(place, "activity", text))
    assert outcome.reasons == {"new_act": 1, "differs": 2}
    assert [row[0] for row in (await everything(place))["activity"]] == ["2"]


async def test_the_future_waits(place):
    text = b"handle,kind,at\na,post,2149-01-01\n"
    assert (await look(place, a_file(place, "activity", text))).reasons[0].code == "future"


# Attendance


async def test_names_become_members_of_their_own(place):
    async with scoped(place.by):
        await members.known(
            "laura@example.org", name="Laura", language="en", by=place.by, now=place.now
        )
    outcome = await bring(
        place, a_file(place, "attendance", "attendance_names.csv", channel=False)
    )
    assert outcome.counts["new"] == 5
    state = await everything(place)
    assert [row[0] for row in state["member"]] == ["Evelyn", "Laura", "Laura", "Theresa"]
    assert ("evelyn", "imported", "Evelyn") in state["identity"]
    assert [row[0] for row in state["meetup"]] == ["Event 2", "Event 1"]
    assert all(row[3] for row in state["meetup"])
    assert len(state["registration"]) == 5
    more = b"meetup,date,name\nEvent 3,2025-07-01,EVELYN\n"
    await bring(place, a_file(place, "attendance", more, channel=False))
    assert len((await everything(place))["member"]) == 4


async def test_who_was_not_scanned_did_not_come_where_somebody_was(place):
    outcome = await bring(place, a_file(place, "attendance", "attendance_luma.csv"))
    assert outcome.reasons == {"new_attendance": 2, "not_coming": 1, "nobody_scanned": 1}
    state = await everything(place)
    assert state["registration"] == [
        ("Soirée jeux", "Ada", "confirmed", None, datetime(2026, 2, 5, 18, 12, tzinfo=UTC)),
        ("Soirée jeux", "Bo", "confirmed", None, None),
    ]
    assert state["seating"] == [(1200, 2)]
    assert state["meetup"][0][4]


async def test_a_lottery_keeps_who_was_drawn_apart(place):
    await bring(place, a_file(place, "attendance", "attendance_lottery.csv"))
    state = await everything(place)
    assert state["meetup"][0][2] == "lottery"
    start = datetime(2026, 2, 10, 18, tzinfo=UTC)
    assert state["registration"] == [
        ("Atelier", "Ana", "confirmed", True, start),
        ("Atelier", "Bo", "lost_draw", False, None),
        ("Atelier", "Cy", "confirmed", True, None),
    ]


async def test_two_answers_for_one_person_are_told(place):
    text = (
        b"meetup,date,email,status,capacity\nA,2026-01-05,x@example.org,attended,\n"
        b"A,2026-01-05,x@example.org,no_show,\nA,2026-01-05,y@example.org,maybe,\n"
        b"A,2026-01-05,z@example.org,attended,many\nA,2149-01-05,z@example.org,attended,\n"
        b",2026-01-05,z@example.org,attended,\nA,2026-01-05,,attended,\n"
        b"A,2026-01-05,w@example.org,attended,\nA,2026-01-05,w@example.org,attended,\n"
    )
    preview = await look(place, a_file(place, "attendance", text))
    assert {one.code: one.count for one in preview.reasons} == {
        "two_answers": 2, "unknown_status": 1, "bad_number": 1, "future": 1,
        "no_meetup": 1, "empty": 1, "said_before": 1, "new_attendance": 1,
    }  # fmt: skip


async def test_another_answer_later_is_a_conflict(place):
    text = b"meetup,date,email,status\nA,2026-01-05,x@example.org,%s\n"
    await bring(place, a_file(place, "attendance", text % b"no_show"))
    preview = await look(place, a_file(place, "attendance", text % b"attended"))
    assert preview.reasons[0].code == "other_status"


# Agreement


async def test_an_agreement_is_noted_with_its_text_and_a_no_stays_a_no(place):
    async with scoped(place.by):
        ines = await members.known(
            "ines@example.org", name="Inès", language="fr", by=place.by, now=place.now
        )
        said = {"text": "no", "language": "fr", "via": "team: by phone"}
        await consents.withdraw(ines, Purpose.LINKING, **said, by=place.by, now=place.now)
    file = a_file(
        place, "members", "members_fr.csv", linking_text="They agreed.", language="en"
    )
    outcome = await bring(place, file)
    assert outcome.agreed == 1
    assert await rows(
        place, "SELECT name FROM member WHERE linking_agreed_at IS NOT NULL"
    ) == [("Théo Nguyễn",)]


# Walls and sizes


async def test_an_import_stays_in_its_workspace(place):
    file = a_file(place, "members", "members_fr.csv")
    run = await imports.receive(file, by=place.by, now=place.now)
    with pytest.raises(NotFound):
        await imports.preview_of(run, by=place.dov, now=place.now)
    with pytest.raises(NotFound):
        await imports.commit(run, keys=place.keys, by=place.dov, now=place.now)
    with pytest.raises(NotFound):
        await imports.preview(file, by=place.dov, now=place.now)
    async with scoped(place.dov):
        assert await imports.runs() == []
    async with scoped(place.by):
        assert [one.id for one in await imports.runs()] == [run]
        await imports.drop(run, by=place.by, now=place.now)
        assert await imports.runs() == []
    # Dov's Inès is somebody else.
    preview = await look(place, file)
    assert preview.counts["matched"] == 0


async def test_activity_needs_its_channel(place):
    with pytest.raises(Invalid) as no:
        await look(place, a_file(place, "activity", "activity_en.csv", channel=False))
    assert "channel" in no.value.fields


async def test_progress_is_told(place):
    told = []
    await bring(
        place,
        a_file(place, "activity", "activity_en.csv"),
        on_progress=lambda *n: told.append(n),
    )
    assert told[0] == (0, 4)
    assert told[-1] == (4, 4)
    assert told == sorted(told)


@pytest.mark.slow
async def test_many_acts_are_taken_at_thousands_a_second(place):
    rng = random.Random(1)
    head = "external_id,handle,email,kind,at\n"
    body = "".join(
        f"act-{i},person-{rng.randrange(445)},,post,2026-0{rng.randrange(1, 10)}-{rng.randrange(1, 29):02}T10:00:00Z\n"
        for i in range(24_000)
    )
    started = time.perf_counter()
    outcome = await bring(place, a_file(place, "activity", (head + body).encode()))
    seconds = time.perf_counter() - started
    assert outcome.counts["new"] == 24_000
    assert await rows(place, "SELECT sum(acts) FROM activity_day") == [(24_000,)]
    assert seconds < 12, seconds  # a real file of 235,874 is in tests/validation


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("kind", list(Kind))
def test_the_headings_that_the_page_names_are_read(lang, kind):
    with use(lang):
        said = f"{import_pages.NEEDED[kind]}, {import_pages.READ_TOO[kind]}"
    words = re.split(", | or | ou ", said)
    columns = headings.match(words, kind)
    assert (columns.unknown, columns.twice) == ([], [])
    assert headings.missing(columns, kind) == []


async def test_the_page_chooses_the_only_channel_and_asks_for_the_file_again(
    app, cast, place
):
    other = channels.ChannelKind.OTHER
    async with scoped(place.by):
        await channels.channel_named(
            place.community, channels.OF_FILES, other, by=place.by, now=place.now
        )
    async with world.browsing(app, cast.ana) as ana:
        page = (await ana.get("/w/orbelune/import?kind=activity")).text
        assert len(re.findall(r'<option value="[0-9a-f-]{36}" selected', page)) == 1
        assert f"{channels.OF_FILES} (" not in page
        assert 'value="activity" checked' in page
        wrong = await ana.post(
            "/w/orbelune/import",
            data={"kind": "members", "community": "x"},
            files={"file": ("a.csv", b"email\na@b.example\n", "text/csv")},
        )
    assert wrong.status_code == 422
    assert "un navigateur ne le garde pas" in wrong.text


async def test_the_preview_says_how_many_acts_are_of_nobody(place):
    members_file = a_file(place, Kind.MEMBERS, b"email,handle\nines@example.org,ines\n")
    await imports.run(
        members_file, dry_run=False, keys=place.keys, by=place.by, now=place.now
    )
    content = (
        b"handle,kind,date\nines,post,2026-01-02 10:00\nbob,post,2026-01-02 10:00\n"
        b"bob,reply,2026-01-03 10:00\n"
    )
    acts_file = a_file(place, Kind.ACTIVITY, content)
    preview = await imports.preview(acts_file, by=place.by, now=place.now)
    assert (preview.counts["new"], preview.tally.unlinked) == (3, 2)
