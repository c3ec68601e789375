"""The end of a workspace: archived it can be read and brought back; erased, nothing is left
of anybody, in any table, whichever table comes next.
"""

from datetime import timedelta

import asyncpg
import pytest

from events.admission import tickets
from events.admission.followers import Herald
from events.people import channels, communities, consents, identities, members
from events.people.consents import Purpose
from events.planning import meetups, venues
from events.planning.meetups import Plan
from events.planning.nudges import Nudges
from events.planning.reminders import Reminders
from server import brand, charters, erasure, jobs, mail, pictures, workspaces
from server.charters import Kind
from server.database import one, scoped, sql
from server.workspaces import Role
from tests import world
from tests.full_house import a_full_house
from tests.test_brands import a_picture

# Tables that belong to no workspace, and why nothing of one is left in them.
OUTSIDE = {
    "account": "ends with the last workspace it works in",
    "session": "goes with its account",
    "magic_link": "goes with its account",
    "rate_bucket": "unlogged counts that die within the hour",
    "workspace": "the row itself goes last",
    "erased_workspace": "totals about nobody",
    "migration": "the schema's own",
}


async def people_and_a_meetup(by, look, settings, now):
    """A little of everything, so that tables point at each other."""
    keys = tickets.keys_of(settings)
    async with scoped(by):
        community = await communities.make_community("Lunatiques", by=by, now=now)
        channel = await channels.make_channel(
            community.id, "Forum", "forum", by=by, now=now
        )
        member = await members.known(
            "zoe@x.example",
            name="Zoé",
            language="fr",
            community_id=community.id,
            by=by,
            now=now,
        )
        await identities.declare(
            "zoe", channel_id=channel.id, member_id=member, by=by, now=now
        )
        await consents.agree(
            member, Purpose.LINKING, text="Oui", language="fr", via="page", by=by, now=now
        )
        venue = await venues.make_venue("Le Comptoir", by=by, now=now)
        meetup = await meetups.plan(
            Plan(
                title="Apéro", community_id=community.id, starts_at=now + timedelta(days=3),
                ends_at=now + timedelta(days=3, hours=2), time_zone="Europe/Paris",
                capacity=5, venue_id=venue, representative="Ana",
            ),
            key_id=keys.current, by=by, now=now,
        )  # fmt: skip
        await charters.publish(
            Kind.COMMUNITY,
            {look.language: "Texte"},
            main_language=look.language,
            by=by,
            now=now,
        )
        picture = await pictures.keep(pictures.Kind.FACE, a_picture(), by=by, now=now)
        await sql(
            "INSERT INTO representative (id, workspace_id, meetup_id, position, name, role,"
            " picture_id) VALUES (gen_random_uuid(), $1, $2, 1, 'Ana', 'CM', $3)",
            by.workspace_id, meetup.id, picture,
        )  # fmt: skip
        # A member merged into another: a table that points at itself.
        twin = await members.known(
            "zoe2@x.example", name="Zoé", language="fr", by=by, now=now
        )
        await sql(
            "UPDATE member SET merged_into_id = $2 WHERE workspace_id = $3 AND id = $1",
            twin, member, by.workspace_id,
        )  # fmt: skip
    await brand.set_logo(a_picture(), by=by, now=now)


async def rows_of(workspace_id):
    """How many rows each table has of this workspace."""
    names = await sql(
        "SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
        " AND a.attname = 'workspace_id' AND NOT a.attisdropped"
    )
    found = {}
    async with scoped(frozenset({workspace_id})):
        for row in names:
            (count,) = await sql(
                f'SELECT count(*) AS n FROM "{row["name"]}" WHERE workspace_id = $1',  # noqa: S608
                workspace_id,
            )
            if count["n"]:
                found[row["name"]] = count["n"]
    return found


# Archive


async def test_an_archived_workspace_is_read_only_and_comes_back(app, cast, browser):
    async with world.browsing(app, cast.ana) as ana:
        page = await ana.get("/w/orbelune/ending")
        assert "Archiver Orbelune" in page.text
        done = await ana.post("/w/orbelune/ending/archive")
        assert done.headers["location"] == "/w/orbelune/ending"
        assert await workspaces.seats(cast.ana) == []
        for path in ("", "/settings", "/team", "/meetups", "/people", "/ending"):
            assert (await ana.get(f"/w/orbelune{path}")).status_code == 200, path
        for path, data in (
            ("/departments", {"name": "x"}),
            ("/team", {"email": "a@x.example", "role": "door"}),
            ("/ending/archive", {}),
            ("/communities", {"name": "x"}),
        ):
            refused = await ana.post(f"/w/orbelune{path}", data=data)
            assert refused.status_code == 409, path
            assert "archivé" in refused.text
        assert "Orbelune" in (await ana.get("/account")).text
        assert (await browser.get("/m/orbelune")).status_code == 404
        # Its team still reads it, in its colour.
        assert (await browser.get("/w/orbelune/brand.css")).status_code == 200
        home = (await ana.get("/w/orbelune")).text
        assert "Cet espace est archivé" in home
        assert 'action="/w/orbelune/ending/bring-back"' in home
        for offer in ("/meetups/new", "/communities", "Importer"):
            assert offer not in home.partition("<main")[2], offer
    async with world.browsing(app, cast.bilal) as bilal:
        assert (await bilal.get("/w/orbelune/settings")).status_code == 404
        assert (await bilal.post("/w/orbelune/ending/bring-back")).status_code == 404
    async with world.browsing(app, cast.dov) as dov:
        assert (await dov.get("/w/orbelune/ending")).status_code == 404
    async with world.browsing(app, cast.ana) as ana:
        back = await ana.post("/w/orbelune/ending/bring-back")
        assert back.headers["location"] == "/w/orbelune"
        assert (await ana.post("/w/orbelune/ending/bring-back")).status_code == 409
        assert (await ana.get("/w/orbelune/settings")).status_code == 200
        assert "Cet espace est archivé" not in (await ana.get("/w/orbelune")).text
    assert (await browser.get("/w/nowhere/brand.css")).status_code == 404
    assert (await browser.get("/m/orbelune")).status_code == 200


async def test_an_archive_is_found_again_in_the_calendar(app, cast):
    await world.a_workspace(cast.ana, "Tisane")
    await erasure.archive(cast.orbelune, by=cast.as_ana, now=cast.now)
    with pytest.raises(workspaces.WorkspaceArchived):
        await erasure.archive(cast.orbelune, by=cast.as_ana, now=cast.now)
    async with world.browsing(app, cast.ana) as ana:
        page = await ana.get("/calendar")
    assert "/w/orbelune/ending" in page.text
    assert 'href="/w/tisane"' in page.text


async def test_nothing_is_done_by_itself_in_an_archived_workspace(cast, settings):
    house = await a_full_house(cast, settings)
    for made in (Nudges, Reminders, Herald):
        made(settings)
    meetup = house.values["meetup_slug"]
    waiting = {"workspace": str(cast.orbelune.id), "after": "", "kind": "confirmed"}
    await world.do_jobs("write_letters")
    async with scoped(cast.as_ana):
        (row,) = await sql("SELECT id FROM meetup WHERE slug = $1", meetup)
        (code,) = await sql("SELECT id FROM verification LIMIT 1")
        ids = [str(one_["id"]) for one_ in await sql("SELECT id FROM registration")]
    archived = await workspaces.look("orbelune")
    await erasure.archive(archived, by=cast.as_ana, now=cast.now)
    before = await rows_of(cast.orbelune.id)
    assert {"task", "deliverable", "follower", "ambassador", "recurrence"} <= set(before)
    ours = ("server.", "events.", "checkin.")
    ticks = [
        tick for _, tick in jobs._schedule.values() if tick.__module__.startswith(ours)
    ]
    assert len(ticks) >= 8
    for days in (0, 1, 40):
        for tick in ticks:
            if tick.__name__ != "forget_unanswered":
                await tick(cast.now + timedelta(days=days))
    for name, payload in (
        ("tell_registered", {**waiting, "meetup": str(row["id"])}),
        ("write_letters", {**waiting, "origin": world.ORIGIN, "ids": ids}),
        ("tell_followers", {**waiting, "meetup": str(row["id"])}),
        ("look_for_code", {"workspace_id": waiting["workspace"], "id": str(code["id"])}),
    ):
        await jobs.handler(name)(payload)
    assert await rows_of(cast.orbelune.id) == before


async def test_a_letter_written_before_the_archive_still_brings_its_ticket(cast, settings):
    await a_full_house(cast, settings)
    await world.do_jobs("write_letters")
    await erasure.archive(await workspaces.look("orbelune"), by=cast.as_ana, now=cast.now)
    async with scoped(cast.as_ana):
        (row,) = await sql(
            "SELECT id FROM registration WHERE status = 'confirmed' AND code_hash IS NOT"
            " NULL AND attended_at IS NULL ORDER BY id LIMIT 1"
        )
    found = await mail._made("ticket_code", cast.orbelune.id, row["id"])
    assert found is not None


# Erase


@pytest.mark.parametrize("name", ["", "orbelun", "Ailleurs"])
async def test_the_name_must_be_typed(app, cast, name):
    async with world.browsing(app, cast.ana) as ana:
        answer = await ana.post("/w/orbelune/ending/erase", data={"name": name})
    assert answer.status_code == 422
    assert (await workspaces.look("orbelune")).archived_at is None


async def test_erasing_takes_every_row_and_leaves_totals_about_nobody(app, cast, settings):
    for by, look in ((cast.as_ana, cast.orbelune), (cast.as_dov, cast.elsewhere)):
        await people_and_a_meetup(by, look, settings, cast.now)
    others = await rows_of(cast.elsewhere.id)
    held = await rows_of(cast.orbelune.id)
    assert len(held) > 12, held
    async with world.browsing(app, cast.ana) as ana:
        done = await ana.post("/w/orbelune/ending/erase", data={"name": " ORBELUNE "})
        assert done.status_code == 303
        for path in ("/w/orbelune", "/w/orbelune/ending", "/m/orbelune"):
            assert (await ana.get(path)).status_code == 404
    assert await world.do_jobs(erasure.JOB) == [erasure.JOB]
    assert await rows_of(cast.orbelune.id) == {}
    assert await rows_of(cast.elsewhere.id) == others
    assert await one("SELECT 1 FROM workspace WHERE slug = 'orbelune'") is None
    left = await one("SELECT name, totals::text FROM erased_workspace")
    assert left["name"] == "Orbelune"
    assert '"members": 2' in left["totals"]
    assert "zoe" not in left["totals"].lower()
    # Ana and Bilal worked nowhere else; Dov and Eiko are nobody's business.
    names = {row["name"] for row in await sql("SELECT name FROM account")}
    assert names == {"Dov", "Eiko"}
    assert await one("SELECT 1 FROM session WHERE account_id = $1", cast.ana) is None
    # Twice is once, and a slug that was given back can be used again.
    await jobs.handler(erasure.JOB)({"workspace": str(cast.orbelune.id)})
    assert (await world.a_workspace(cast.dov, "Orbelune")).slug == "orbelune"


async def test_an_account_that_works_elsewhere_stays_signed_in_there(app, cast):
    await world.a_workspace(cast.bilal, "Tisane")
    ended = await world.a_workspace(cast.dov, "Ancienne")
    await erasure.ask(cast.orbelune, "Orbelune", by=cast.as_ana, now=cast.now)
    await erasure.ask(cast.orbelune, "Orbelune", by=cast.as_ana, now=cast.now)
    assert ended.slug == "ancienne"
    async with world.browsing(app, cast.bilal) as bilal:
        assert await world.do_jobs(erasure.JOB) == [erasure.JOB]
        assert (await bilal.get("/w/tisane")).status_code == 200
    names = {row["name"] for row in await sql("SELECT name FROM account")}
    assert names == {"Bilal", "Dov", "Eiko"}


async def test_an_old_role_elsewhere_keeps_the_account_without_its_sessions(app, cast):
    await workspaces.invite(
        "ana@orbelune.example", Role.DOOR, workspace=cast.elsewhere, origin=world.ORIGIN,
        by=cast.as_dov, now=cast.now,
    )  # fmt: skip
    async with scoped(cast.as_dov):
        seat = next(one_ for one_ in await workspaces.team() if one_.account_id == cast.ana)
    await workspaces.end_membership(seat.id, by=cast.as_dov, now=cast.now)
    await erasure.ask(cast.orbelune, "Orbelune", by=cast.as_ana, now=cast.now)
    await world.do_jobs(erasure.JOB)
    assert await one("SELECT 1 FROM account WHERE id = $1", cast.ana)
    assert await one("SELECT 1 FROM session WHERE account_id = $1", cast.ana) is None


async def test_what_is_not_being_erased_cannot_be_erased(cast):
    for scope in (frozenset({cast.orbelune.id}), frozenset({cast.elsewhere.id})):
        with pytest.raises(asyncpg.CheckViolationError):
            async with scoped(scope):
                await sql("SELECT apero_erase($1)", cast.orbelune.id)
    await erasure.ask(cast.orbelune, "Orbelune", by=cast.as_ana, now=cast.now)
    with pytest.raises(asyncpg.CheckViolationError):
        async with scoped(frozenset({cast.elsewhere.id})):
            await sql("SELECT apero_erase($1)", cast.orbelune.id)
    with pytest.raises(erasure.NotArchived):
        await erasure.bring_back(cast.orbelune, by=cast.as_ana, now=cast.now)


async def test_every_table_belongs_to_a_workspace_or_says_why_not():
    rows = await sql(
        "SELECT c.relname AS name FROM pg_class c WHERE c.relkind IN ('r', 'p')"
        " AND c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'pgqueuer%'"
        " AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
        " AND a.attname = 'workspace_id' AND NOT a.attisdropped)"
    )
    assert {row["name"] for row in rows} == OUTSIDE.keys()


@pytest.mark.committed
async def test_a_table_that_comes_later_is_erased_too(cast, addresses):
    owner = await asyncpg.connect(**addresses.owner.arguments())
    try:
        await owner.execute(
            "CREATE TABLE later (id uuid NOT NULL, workspace_id uuid NOT NULL REFERENCES"
            " workspace (id) ON DELETE RESTRICT, parent_id uuid, member_id uuid NOT NULL,"
            " PRIMARY KEY (workspace_id, id),"
            " FOREIGN KEY (workspace_id, parent_id) REFERENCES later (workspace_id, id)"
            " ON DELETE RESTRICT, FOREIGN KEY (workspace_id, member_id)"
            " REFERENCES member (workspace_id, id) ON DELETE RESTRICT)"
        )
        for by in (cast.as_ana, cast.as_dov):
            async with scoped(by):
                member = await members.known(
                    "zoe@x.example", name="Zoé", language="fr", by=by, now=cast.now
                )
                await sql(
                    "INSERT INTO later (id, workspace_id, member_id) VALUES ($1, $2, $1)",
                    member, by.workspace_id,
                )  # fmt: skip
        await erasure.ask(cast.orbelune, "Orbelune", by=cast.as_ana, now=cast.now)
        await jobs.handler(erasure.JOB)({"workspace": str(cast.orbelune.id)})
        left = await owner.fetch("SELECT workspace_id FROM later")
        assert [row["workspace_id"] for row in left] == [cast.elsewhere.id]
    finally:
        await owner.execute("DROP TABLE IF EXISTS later")
        await owner.close()
