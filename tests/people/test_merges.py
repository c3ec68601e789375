"""Two records of one person: merged whole, un-merged exactly, and counted once."""
# ruff: noqa: S608 - planted tables are named by the catalogue

import asyncio
import json
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from events.admission import registrations, tickets
from events.admission.registrations import Source
from events.engagement import editions, followed, metrics
from events.people import (
    channels,
    claims,
    communities,
    consents,
    dossiers,
    identities,
    listings,
    members,
    merges,
    moving,
    unmerging,
)
from events.people.consents import Purpose
from events.people.merges import Gone, SaidApart, SamePerson
from events.people.unmerging import LaterFirst, UndoneAlready
from events.people.wanted import Wanted
from events.planning import meetups
from events.planning.meetups import Plan
from server.database import DB, one, scoped, sql, uuid7
from server.errors import NotFound
from tests import world
from tests.world import ORIGIN


@pytest.fixture
async def pair(cast, settings):
    """Two records of Inès, and one of Théo, with two meetups to come."""
    by, now = cast.as_ana, cast.now
    cast.keys = tickets.keys_of(settings)
    async with scoped(by):
        where = await communities.make_community("Lunatiques", by=by, now=now)
        forum = await channels.make_channel(where.id, "Forum", "discourse", by=by, now=now)
        chat = await channels.make_channel(where.id, "Tchat", "discord", by=by, now=now)
        cast.where, cast.forum, cast.chat = where.id, forum.id, chat.id
        for name, email in (
            ("ines", "ines@x.example"),
            ("again", "ines+apero@x.example"),
            ("theo", "theo@x.example"),
        ):
            id_ = await members.known(
                email,
                name=f"{name.title()} Petit",
                language="fr",
                community_id=where.id,
                by=by,
                now=now,
            )
            setattr(cast, name, id_)
        cast.meetups = [await evening(cast, f"Soir {n}", n) for n in (1, 2)]
    return cast


async def evening(cast, title, days):
    by, starts = cast.as_ana, cast.now + timedelta(days=7 * days)
    made = await meetups.plan(
        Plan(
            title=title,
            community_id=cast.where,
            starts_at=starts,
            ends_at=starts + timedelta(hours=3),
            time_zone="Europe/Paris",
            capacity=50,
            representative="Ana",
        ),
        key_id=cast.keys.current,
        by=by,
        now=cast.now,
    )
    await sql(
        "UPDATE meetup SET published_at = $3 WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        made.id,
        cast.now,
    )
    return await meetups.meetup_by_slug(made.slug)


async def register(cast, meetup, email, *, by=None):
    return await registrations.register(
        meetup,
        name="X",
        email=email,
        language="fr",
        source=Source.PAGE,
        origin=ORIGIN,
        workspace=cast.orbelune,
        keys=cast.keys,
        by=by or cast.as_ana,
        now=cast.now,
    )


async def came(registration_id, at):
    await sql("UPDATE registration SET attended_at = $2 WHERE id = $1", registration_id, at)


async def everything(*but):
    """Every row of every table of the workspace in view, but for the log of acts."""
    rows = await sql(
        "SELECT c.relname::text AS name FROM pg_class c JOIN pg_attribute a"
        " ON a.attrelid = c.oid WHERE c.relkind = 'r'"
        " AND c.relnamespace = 'public'::regnamespace AND a.attname = 'workspace_id'"
        " AND NOT a.attisdropped ORDER BY 1"
    )
    names = {row["name"] for row in rows} - {"audit_entry", "merge", *but}
    return {
        name: [
            row["row"]
            for row in await sql(
                f"SELECT to_jsonb(t)::text AS row FROM {name} t ORDER BY 1"
            )
        ]
        for name in sorted(names)
    }


async def planted(cast, table, column, member_id):
    """A row of this table that names this member: every other column gets some value."""
    by = cast.as_ana
    columns = await sql(
        "SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attnotnull"
        " AND NOT a.atthasdef AS needed FROM pg_attribute a"
        " WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped",
        table,
    )
    parents = await sql(
        "SELECT a.attname AS name, c.confrelid::regclass::text AS parent"
        " FROM pg_constraint c CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k (i, o)"
        " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.i"
        " JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.o"
        " WHERE c.contype = 'f' AND c.conrelid = $1::regclass AND b.attname = 'id'",
        table,
    )
    of = {row["name"]: row["parent"] for row in parents}
    usual = {"timestamp with time zone": "now()", "text": "'en'", "bytea": "'x'::bytea"}
    usual |= {"integer": "1", "boolean": "true", "date": "current_date", "jsonb": "'{}'"}
    known = {
        ("claim", "proof"): "'declared'",
        ("identity", "proof"): "'declared'",
        ("registration", "status"): "'cancelled'",
        ("registration", "source"): "'page'",
        ("consent", "purpose"): "'photos'",
    }
    values = {}
    for row in columns:
        name = row["name"]
        if name == column:
            values[name] = f"'{member_id}'"
        elif name == "workspace_id":
            values[name] = f"'{by.workspace_id}'"
        elif name == "id":
            values[name] = f"'{uuid7()}'"
        elif row["needed"] and name in of:
            parent = await one(
                f"SELECT id FROM {of[name]} WHERE workspace_id = $1 ORDER BY id DESC LIMIT 1",
                by.workspace_id,
            ) or {"id": await planted(cast, of[name], "", None)}
            values[name] = f"'{parent['id']}'"
        elif row["needed"]:
            values[name] = known.get((table, name)) or usual[row["type"]]
    names, given = ", ".join(values), ", ".join(values.values())
    await sql(f"INSERT INTO {table} ({names}) VALUES ({given})")
    return UUID(values["id"].strip("'"))


# Everything moves


async def test_every_table_that_names_a_member_is_moved_and_given_back(pair):
    async with scoped(pair.as_ana):
        await identities.declare(
            "ines", channel_id=pair.forum, member_id=pair.theo, by=pair.as_ana, now=pair.now
        )
        every = await moving.links()
        assert {"registration.member_id", "consent.member_id", "tagging.member_id"} <= {
            link.key for link in every
        }
        rows = {}
        for link in every:
            if link.table == "member":
                rows[link.key] = await members.unnamed(
                    "Sam", community_id=pair.where, by=pair.as_ana, now=pair.now
                )
                await merges.merge(pair.again, rows[link.key], by=pair.as_ana, now=pair.now)
            elif link.table != "belonging":
                rows[link.key] = await planted(pair, link.table, link.column, pair.again)
        before = await everything()
        id_ = await merges.merge(pair.ines, pair.again, by=pair.as_ana, now=pair.now)
        for link in every:
            named = await sql(
                f"SELECT id FROM {link.table} WHERE {link.column} = $1", pair.again
            )
            hers = await sql(
                f"SELECT id FROM {link.table} WHERE {link.column} = $1", pair.ines
            )
            if link.key in rows:
                assert not named, link.key
                assert rows[link.key] in {row["id"] for row in hers}, link.key
        detail = await merges.merge_detail(id_)
        assert set(detail.moved) >= set(rows)
        assert detail.stayed == {"belonging.member_id": 1}
        await unmerging.undo(id_, by=pair.as_ana, now=pair.now)
        assert await everything() == before


async def test_a_table_of_a_later_release_is_found_too(addresses):
    owner = await asyncpg.connect(**addresses.owner.arguments())
    try:
        await owner.execute("BEGIN; SET LOCAL lock_timeout = '5s'")
        await owner.execute(
            "CREATE TABLE planted (id uuid, workspace_id uuid, whose_id uuid,"
            " FOREIGN KEY (workspace_id, whose_id) REFERENCES member (workspace_id, id))"
        )
        rows = await owner.fetch(moving.LINKS, sorted(moving.ABOUT_RECORDS))
        real = await owner.fetch(
            "SELECT DISTINCT conrelid::regclass::text AS name FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid = 'member'::regclass"
        )
    finally:
        await owner.execute("ROLLBACK")
        await owner.close()
    assert ("planted", "whose_id") in {(row["table"], row["column"]) for row in rows}
    found = {row["table"] for row in rows}
    assert found | moving.ABOUT_RECORDS == {row["name"] for row in real}


async def test_the_kept_record_is_completed_and_then_as_it_was(pair):
    by, now = pair.as_ana, pair.now
    async with scoped(by):
        bare = await members.unnamed("Ines Petit", community_id=pair.where, by=by, now=now)
        await sql(
            "UPDATE member SET joined_on = '2020-02-29', is_insider = true WHERE id = $1",
            pair.again,
        )
        before = await everything()
        id_ = await merges.merge(bare, pair.again, reason="At the door", by=by, now=now)
        kept = await members.member(bare)
        assert (kept.email, str(kept.joined_on)) == ("ines+apero@x.example", "2020-02-29")
        assert kept.is_insider
        assert kept.language == "fr"
        known = await members.known(
            "ines+apero@x.example", name="X", language="fr", by=by, now=now
        )
        assert known == bare
        await unmerging.undo(id_, by=by, now=now)
        assert await everything() == before


async def test_what_somebody_wrote_since_is_kept(pair):
    by, now = pair.as_ana, pair.now
    async with scoped(by):
        id_ = await merges.merge(pair.ines, pair.again, by=by, now=now)
        await sql("UPDATE member SET name = 'Inès' WHERE id = $1", pair.ines)
        made = await register(pair, pair.meetups[0], "ines+apero@x.example")
        await unmerging.undo(id_, by=by, now=now)
        assert (await members.member(pair.ines)).name == "Inès"
        row = await one("SELECT member_id FROM registration WHERE id = $1", made.id)
        assert row["member_id"] == pair.ines


async def agreeing(pair, member_id, at, *, yes=True):
    act = consents.agree if yes else consents.withdraw
    await act(
        member_id,
        Purpose.LINKING,
        text="yes",
        language="fr",
        via="page",
        by=pair.as_ana,
        now=at,
    )


async def test_the_last_answer_to_linking_is_the_persons_answer(pair):
    by, now = pair.as_ana, pair.now
    early, late = now - timedelta(days=9), now - timedelta(days=2)
    async with scoped(by):
        await agreeing(pair, pair.again, early)
        await agreeing(pair, pair.ines, late, yes=False)
        id_ = await merges.merge(pair.ines, pair.again, by=by, now=now)
        assert (await members.member(pair.ines)).linking_agreed_at is None
        await unmerging.undo(id_, by=by, now=now)
        assert (await members.member(pair.again)).linking_agreed_at == early
        id_ = await merges.merge(pair.again, pair.ines, by=by, now=now)
        assert (await members.member(pair.again)).linking_agreed_at is None


async def test_a_no_since_the_merge_holds_for_both(pair):
    by, now = pair.as_ana, pair.now
    async with scoped(by):
        await agreeing(pair, pair.again, now - timedelta(days=3))
        await agreeing(pair, pair.ines, now - timedelta(days=4))
        id_ = await merges.merge(pair.ines, pair.again, by=by, now=now)
        await agreeing(pair, pair.ines, now + timedelta(hours=1), yes=False)
        await unmerging.undo(id_, by=by, now=now + timedelta(hours=2))
        for id_ in (pair.ines, pair.again):
            assert (await members.member(id_)).linking_agreed_at is None


# What is refused


async def test_what_cannot_be_merged(pair):
    by, now = pair.as_ana, pair.now
    async with scoped(by):
        with pytest.raises(SamePerson):
            await merges.merge(pair.ines, pair.ines, by=by, now=now)
        with pytest.raises(NotFound):
            await merges.merge(pair.ines, uuid7(), by=by, now=now)
        with pytest.raises(SamePerson):
            await merges.say_apart(pair.ines, pair.ines, by=by, now=now)
        await merges.say_apart(pair.again, pair.ines, by=by, now=now)
        await merges.say_apart(pair.ines, pair.again, by=by, now=now)
        with pytest.raises(SaidApart):
            await merges.merge(pair.ines, pair.again, by=by, now=now)
        await merges.take_back_apart(pair.ines, pair.again, by=by, now=now)
        with pytest.raises(NotFound):
            await merges.take_back_apart(pair.ines, pair.again, by=by, now=now)
        with pytest.raises(NotFound):
            await merges.say_apart(pair.ines, uuid7(), by=by, now=now)
        id_ = await merges.merge(pair.ines, pair.again, by=by, now=now)
        with pytest.raises(Gone):
            await merges.say_apart(pair.ines, pair.again, by=by, now=now)
        assert not await merges.are_apart(pair.ines, pair.again)
        with pytest.raises(Gone):
            await merges.merge(pair.theo, pair.again, by=by, now=now)
        await unmerging.undo(id_, by=by, now=now)
        with pytest.raises(UndoneAlready):
            await unmerging.undo(id_, by=by, now=now)
        with pytest.raises(NotFound):
            await unmerging.undo(uuid7(), by=by, now=now)
        await sql("UPDATE member SET erased_at = $2 WHERE id = $1", pair.again, now)
        with pytest.raises(Gone):
            await merges.merge(pair.ines, pair.again, by=by, now=now)
    with pytest.raises(NotFound):
        await merges.merge(pair.ines, pair.theo, by=pair.as_dov, now=now)
    with pytest.raises(NotFound):
        await unmerging.undo(id_, by=pair.as_dov, now=now)


async def test_merges_of_one_person_are_undone_latest_first(pair):
    by, now = pair.as_ana, pair.now
    async with scoped(by):
        before = await everything()
        first = await merges.merge(pair.ines, pair.again, by=by, now=now)
        second = await merges.merge(pair.theo, pair.ines, by=by, now=now)
        assert await identities.person_of(pair.again) == pair.theo
        assert len(await merges.merged_into(pair.theo)) == 2
        with pytest.raises(LaterFirst):
            await unmerging.undo(first, by=by, now=now)
        await unmerging.undo(second, by=by, now=now)
        assert await identities.person_of(pair.again) == pair.ines
        await unmerging.undo(first, by=by, now=now)
        assert await everything() == before


async def test_an_address_that_somebody_else_has_now_is_not_given_back(pair):
    by, now = pair.as_ana, pair.now
    async with scoped(by):
        bare = await members.unnamed("Ines Petit", community_id=pair.where, by=by, now=now)
        id_ = await merges.merge(bare, pair.again, by=by, now=now)
        await sql("UPDATE member SET email = 'new@x.example' WHERE id = $1", bare)
        await members.known("ines+apero@x.example", name="Z", language="fr", by=by, now=now)
        with pytest.raises(unmerging.AddressTaken):
            await unmerging.undo(id_, by=by, now=now)


@pytest.mark.committed
async def test_two_organisers_who_merge_at_once_merge_once(pair):
    by, now = pair.as_ana, pair.now
    done = await asyncio.gather(
        merges.merge(pair.ines, pair.again, by=by, now=now),
        merges.merge(pair.again, pair.ines, by=by, now=now),
        merges.merge(pair.theo, pair.again, by=by, now=now),
        return_exceptions=True,
    )
    assert sum(isinstance(one_, UUID) for one_ in done) in {1, 2}
    assert all(isinstance(one_, UUID | Gone) for one_ in done), done
    async with scoped(by):
        rows = await sql(
            "SELECT m.id FROM member m JOIN member k ON k.id = m.merged_into_id"
            " WHERE k.merged_into_id IS NOT NULL"
        )
        assert rows == [], "nobody is merged into somebody who was merged"
        await sql("SELECT 1")
    ids = [one_ for one_ in done if isinstance(one_, UUID)]
    undone = await asyncio.gather(
        *(unmerging.undo(ids[-1], by=by, now=now) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(one_).__name__ for one_ in undone) in (
        ["NoneType", "UndoneAlready"],
        ["LaterFirst", "LaterFirst"],
    )


@pytest.mark.committed
async def test_a_merge_and_its_contrary_at_once_are_not_both_written(pair):
    by, now = pair.as_ana, pair.now
    done = await asyncio.gather(
        merges.merge(pair.ines, pair.again, by=by, now=now),
        merges.say_apart(pair.again, pair.ines, by=by, now=now),
        return_exceptions=True,
    )
    assert [type(one_) for one_ in done] in ([UUID, Gone], [SaidApart, type(None)])
    async with scoped(by):
        merged = (await members.member(pair.again)).merged_into_id is not None
        assert merged is not await merges.are_apart(pair.ines, pair.again)


@pytest.mark.committed
async def test_somebody_who_registers_during_the_merge_is_the_kept_person(pair):
    by, now = pair.as_ana, pair.now
    _, made = await asyncio.gather(
        merges.merge(pair.ines, pair.again, by=by, now=now),
        register(pair, pair.meetups[0], "ines+apero@x.example"),
    )
    async with scoped(by):
        row = await one("SELECT member_id FROM registration WHERE id = $1", made.id)
        assert row["member_id"] == pair.ines


# Two places at one meetup


async def doubled(pair, *, first_came, second_came):
    """Inès has two places at the first meetup and one at the second; Théo comes to both."""
    by, now = pair.as_ana, pair.now
    one_, two = pair.meetups
    a = await register(pair, one_, "ines@x.example")
    b = await register(pair, one_, "ines+apero@x.example")
    c = await register(pair, two, "ines@x.example")
    for meetup in pair.meetups:
        made = await register(pair, meetup, "theo@x.example")
        await came(made.id, meetup.starts_at)
    if first_came:
        await came(a.id, one_.starts_at)
    if second_came:
        await came(b.id, one_.starts_at + timedelta(minutes=20))
    await came(c.id, two.starts_at)
    return await merges.merge(pair.ines, pair.again, by=by, now=now)


@pytest.mark.parametrize(
    ("first", "second", "here"), [(True, True, 2), (True, False, 2), (False, True, 2), (False, False, 1)]
)  # fmt: skip
async def test_one_person_with_two_places_is_counted_once(pair, first, second, here):
    async with scoped(pair.as_ana):
        id_ = await doubled(pair, first_came=first, second_came=second)
        detail = await merges.merge_detail(id_)
        assert detail.stayed["registration.member_id"] == 1
        (twice,) = await merges.twice_at(pair.ines)
        assert (twice.title, twice.places) == ("Soir 1", 2)
        counted = await metrics.counts(pair.meetups[0].id)
        assert (counted.registered, counted.attended) == (2, here)
        assert counted.first_timers == here
        assert sum(many for _, many in await metrics.arrivals(pair.meetups[0].id)) == here
        later = await metrics.counts(pair.meetups[1].id)
        assert (later.attended, later.first_timers) == (2, 2 - here)
        heads = await editions.heads(pair.meetups[0].id)
        assert (heads.registered, heads.attended) == (2, here)
        assert (heads.came_registered, heads.first_timers) == (here, here)
        assert (await editions.heads(pair.meetups[1].id)).first_timers == 2 - here
        people = await followed.people([one_.id for one_ in pair.meetups])
        assert len(people) == 4
        mine = [one_ for one_ in people if one_.member_id == pair.ines]
        assert sorted(one_.came for one_ in mine) == sorted([here == 2, True])


@pytest.mark.parametrize(
    ("first", "second", "times"), [(True, True, 2), (False, True, 2), (False, False, 1)]
)
async def test_her_page_counts_what_stayed_with_the_merged_record_once(
    app, pair, first, second, times
):
    by, now = pair.as_ana, pair.now
    async with scoped(by):
        id_ = await doubled(pair, first_came=first, second_came=second)
        await sql("UPDATE meetup SET closed_at = starts_at + interval '1 day'")
        moments = await dossiers.timeline(pair.ines)
        kinds = [one_.kind for one_ in moments]
        assert (kinds.count("came"), kinds.count("did_not_come")) == (times, 2 - times)
        assert kinds.count("registered") == 3
        found = await listings.members(Wanted(q="ines"))
        assert [one_.attended for one_ in found.lines] == [times]
        for came_, is_there in ((0, False), (1, True), (2, times == 2), (3, False)):
            found = await listings.members(Wanted(q="ines", came=came_))
            assert bool(found.lines) is is_there, came_
    async with world.browsing(app, pair.ana) as ana:
        page = await ana.get(f"/w/orbelune/meetups/{pair.meetups[0].slug}/registrations")
        assert page.text.count(f'href="/w/orbelune/merges/{id_}"') == 2
        assert page.text.count("Cette personne a deux places") == 2
        other = await ana.get(f"/w/orbelune/meetups/{pair.meetups[1].slug}/registrations")
        assert "deux places" not in other.text
        await unmerging.undo(id_, by=by, now=now)
        page = await ana.get(f"/w/orbelune/meetups/{pair.meetups[0].slug}/registrations")
        assert "deux places" not in page.text


async def test_who_came_only_under_the_merged_name_has_come(pair):
    by, now = pair.as_ana, pair.now
    one_ = pair.meetups[0]
    async with scoped(by):
        await register(pair, one_, "ines@x.example")
        b = await register(pair, one_, "ines+apero@x.example")
        await came(b.id, one_.starts_at)
        await merges.merge(pair.ines, pair.again, by=by, now=now)
        day = (one_.starts_at + timedelta(days=1)).date()
        for wanted, is_there in (
            (Wanted(came=0), False),
            (Wanted(came=1), True),
            (Wanted(away_since=day), True),
            (Wanted(away_since=one_.starts_at.date()), False),
        ):
            found = await listings.members(wanted)
            assert (pair.ines in {line.id for line in found.lines}) is is_there, wanted


async def test_somebody_let_in_by_name_was_registered_and_came(pair):
    async with scoped(pair.as_ana):
        meetup = pair.meetups[0]
        await register(pair, meetup, "ines@x.example")
        walked = await register(pair, meetup, "ines+apero@x.example")
        await came(walked.id, meetup.starts_at)
        await sql("UPDATE registration SET source = 'walk_in' WHERE id = $1", walked.id)
        before = await metrics.counts(meetup.id)
        assert (before.registered, before.came_registered, before.walk_ins) == (1, 0, 1)
        await merges.merge(pair.ines, pair.again, by=pair.as_ana, now=pair.now)
        after = await metrics.counts(meetup.id)
        assert (after.registered, after.came_registered, after.walk_ins) == (1, 1, 0)
        heads = await editions.heads(meetup.id)
        assert (heads.registered, heads.came_registered, heads.attended) == (1, 1, 1)
        (person,) = await followed.people([meetup.id])
        assert (person.member_id, person.came) == (pair.ines, True)


async def test_a_series_counts_people_not_places(pair):
    from events.planning import series

    by, now = pair.as_ana, pair.now
    async with scoped(by):
        line = await series.make_series("Apéros", community_id=pair.where, by=by, now=now)
        await sql(
            "UPDATE meetup SET series_id = $1 WHERE id = ANY ($2)",
            line.id,
            [one_.id for one_ in pair.meetups],
        )
        await doubled(pair, first_came=True, second_came=True)
        first, second = await metrics.attendances(line.id, now + timedelta(days=60))
        assert (first.attended, first.returning) == (2, 0)
        assert (second.attended, second.returning) == (2, 2)
        rooms = await metrics.rooms(line.id)
        assert set(rooms[pair.meetups[0].id]) == {pair.ines, pair.theo}
        assert metrics.together(rooms).people == 2


# Claims


async def test_a_dispute_between_two_records_of_one_person_ends_with_the_merge(pair):
    by, now = pair.as_ana, pair.now
    said = {"channel_id": pair.forum, "by": by, "now": now}
    async with scoped(by):
        await identities.declare("ines", member_id=pair.ines, **said)
        assert not await identities.declare("ines", member_id=pair.again, **said)
        before = await everything()
        (row,) = await identities.all_identities()
        assert (row.member_id, row.claims) == (None, 2)
        id_ = await merges.merge(pair.ines, pair.again, by=by, now=now)
        (row,) = await identities.all_identities()
        assert (row.member_id, row.claims, row.disputed_at) == (pair.ines, 1, None)
        await unmerging.undo(id_, by=by, now=now)
        assert await everything() == before


async def test_a_dispute_with_somebody_else_goes_on_after_the_merge(pair):
    by, now = pair.as_ana, pair.now
    said = {"channel_id": pair.forum, "by": by, "now": now}
    async with scoped(by):
        await identities.declare("ines", member_id=pair.again, **said)
        await identities.declare("ines", member_id=pair.theo, **said)
        await merges.merge(pair.ines, pair.again, by=by, now=now)
        (row,) = await identities.all_identities()
        assert row.disputed_at is not None
        assert set(await claims.claimants(row.id)) == {pair.ines, pair.theo}
        ledger = await one("SELECT before::text AS before FROM merge")
        assert json.loads(ledger["before"])["settled"] == []


async def test_nothing_of_another_workspace_is_seen_or_moved(pair):
    async with scoped(pair.as_ana):
        id_ = await merges.merge(pair.ines, pair.again, by=pair.as_ana, now=pair.now)
    async with scoped(pair.as_dov):
        assert await merges.merges() == []
        assert await merges.merged_into(pair.ines) == []
        assert await merges.twice_at(pair.ines) == []
        assert await merges.others(pair.theo, "petit") == []
        with pytest.raises(NotFound):
            await merges.merge_detail(id_)
        with pytest.raises(NotFound):
            await identities.person_of(pair.ines)
    assert DB.current_transaction.get() is not None
