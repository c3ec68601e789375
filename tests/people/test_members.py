"""Members: lists that an address says whole, tags, notes, segments, one page a person."""

import asyncio
import csv
import io
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some

from events.pages.moments import told_all
from events.people import channels as places
from events.people import (
    communities,
    consents,
    dossiers,
    identities,
    listings,
    members,
    notes,
    segments,
    tags,
    wanted,
)
from events.people.communities import CommunityExists
from events.people.consents import Purpose
from events.people.dossiers import Moment
from events.people.members import AddressIsTaken, CommunityIsGone, Given
from events.people.segments import SegmentExists, TooManySegments
from events.people.tags import TagExists, TagInUse, TooManyTags
from events.people.wanted import EVERYBODY, Wanted
from server import api_tokens, workspaces
from server.database import current_scope, one, scoped, sql, uuid7
from server.errors import Invalid, NotFound
from server.workspaces import Role, Seat
from tests import world

TODAY = date(2026, 11, 5)
NAMES = ("Ana", "Béa", "Cléo", "Dina", "Élie")


@pytest.fixture
async def crowd(cast):
    """Five members in each workspace; in Orbelune each of them fits one filter."""
    cast.ids = {}
    for by, host in ((cast.as_ana, "ici.example"), (cast.as_dov, "la.example")):
        async with scoped(by):
            where = await communities.make_community("Lunatiques", by=by, now=cast.now)
            place = await places.make_channel(
                where.id, "Forum", "forum", by=by, now=cast.now
            )
            for name in NAMES:
                id_ = await members.known(
                    f"{name.lower()[0]}x@{host}".replace("é", "e"),
                    name=name,
                    language="fr",
                    community_id=where.id,
                    by=by,
                    now=cast.now,
                )
                if by is cast.as_ana:
                    cast.ids[name] = id_
            if by is cast.as_ana:
                cast.community, cast.channel = where, place
    cast.theirs = await _of(cast.as_dov)
    await _histories(cast)
    return cast


async def _of(by):
    async with scoped(by):
        return (await listings.members()).lines[0].id


async def _histories(cast):
    """Ana came three times, Béa once long ago; Cléo writes online; Dina has no address."""
    by = cast.as_ana
    async with scoped(by):
        for number in range(3):
            await a_meetup(cast, number, days=10 * number + 1, came=["Ana"])
        await a_meetup(cast, 3, days=400, came=["Béa"])
        said = {"by": by, "now": cast.now}
        await identities.declare(
            "cleo", channel_id=cast.channel.id, member_id=cast.ids["Cléo"], **said
        )
        words = {"text": "Yes.", "language": "fr", "via": "page"}
        await consents.agree(cast.ids["Cléo"], Purpose.LINKING, **words, **said)
        (line,) = await identities.identities_of(cast.ids["Cléo"])
        await sql(
            "INSERT INTO activity_day (workspace_id, identity_id, day, acts)"
            " VALUES ($1, $2, $3, 2)",
            by.workspace_id,
            line.id,
            TODAY - timedelta(days=5),
        )
        await sql(
            "UPDATE member SET email = NULL WHERE workspace_id = $1 AND id = $2",
            by.workspace_id,
            cast.ids["Dina"],
        )
        await tags.put_tag(cast.ids["Élie"], "Accueil", **said)
        await an_ambassador(cast, "Élie")


async def a_meetup(cast, number, *, days, came):
    """A meetup so many days ago, with who came."""
    (workspace_id,) = current_scope()
    at, id_ = cast.now - timedelta(days=days), uuid7()
    await sql(
        "INSERT INTO meetup (id, workspace_id, community_id, number, key_id, slug, title,"
        " representative, starts_at, ends_at, time_zone, created_at, updated_at,"
        " published_at, closed_at) VALUES ($1, $2, $3, $4, 1, $5, $5, 'Ana', $6, $7,"
        " 'Europe/Paris', $6, $6, $6, $7)",
        id_, workspace_id, cast.community.id, 7000 + number, f"soiree-{number}",
        at, at + timedelta(hours=3),
    )  # fmt: skip
    for name in came:
        await sql(
            "INSERT INTO registration (id, workspace_id, meetup_id, member_id, status,"
            " source, code_hash, typed_hash, capability_hash, registered_at, attended_at)"
            " VALUES ($1, $2, $3, $4, 'confirmed', 'page', $5, $5, $5, $6, $6)",
            uuid7(), workspace_id, id_, cast.ids[name], uuid7().bytes * 2, at,
        )  # fmt: skip
    return id_


async def an_ambassador(cast, name):
    (workspace_id,) = current_scope()
    await sql(
        "INSERT INTO ambassador (id, workspace_id, member_id, community_id, code, applied_at,"
        " accepted_at, starts_on, ends_on) VALUES ($1, $2, $3, $4, 'x', $5, $5, $6, $7)",
        uuid7(), workspace_id, cast.ids[name], cast.community.id, cast.now,
        TODAY - timedelta(days=30), TODAY + timedelta(days=30),
    )  # fmt: skip


async def names_of(by, to=EVERYBODY, **more):
    async with scoped(by):
        found = await listings.members(to, today=TODAY, **more)
    return [one.name for one in found.lines]


# Rules

DAYS = some.dates(min_value=date(1970, 1, 1))
ANSWERS = some.none() | some.booleans()


@given(
    some.builds(
        Wanted,
        q=some.sampled_from(["", "inès", "a&b=c", "100 %", "%"]),
        community=some.sampled_from(["", "lunatiques"]),
        tag=some.sampled_from(["", "accueil"]),
        came=some.none() | some.integers(0, 999),
        away_since=some.none() | DAYS,
        active_since=some.none() | DAYS,
        linked=ANSWERS,
        ambassador=ANSWERS,
        email=ANSWERS,
    )
)
def test_an_address_is_the_whole_list(to):
    assert wanted.wanted_of(to.query) == to
    assert wanted.wanted(to.answers) == to
    assert to.is_everybody == (to.query == "")


@given(some.dictionaries(some.sampled_from(wanted.FILTERS), some.text(max_size=12)))
def test_a_filter_is_read_or_refused_by_its_name(typed):
    try:
        to, refused = wanted.wanted(typed), set()
    except Invalid as no:
        to, refused = EVERYBODY, set(no.fields)
    assert refused <= set(typed) & set(wanted.WRONG)
    assert wanted.wanted_of(to.query) == to


@pytest.mark.parametrize(
    ("name", "text"),
    [("came", "-1"), ("came", "1000"), ("came", "often"), ("away_since", "yesterday"),
     ("active_since", "2026-02-30"), ("linked", "maybe"), ("ambassador", "1"), ("email", "no?")],
)  # fmt: skip
def test_what_cannot_be_read_is_named(name, text):
    with pytest.raises(Invalid) as no:
        wanted.wanted({name: text, "q": "x"})
    assert set(no.value.fields) == {name}


# Lists


@pytest.mark.parametrize(
    ("to", "names"),
    [
        (EVERYBODY, list(NAMES)),
        (Wanted(q="ELI"), ["Élie"]),
        (Wanted(q="bx@ici"), ["Béa"]),
        (Wanted(q="la.example"), []),
        (Wanted(community="lunatiques"), list(NAMES)),
        (Wanted(tag="accueil"), ["Élie"]),
        (Wanted(came=1), ["Ana", "Béa"]),
        (Wanted(came=3), ["Ana"]),
        (Wanted(came=4), []),
        (Wanted(came=0), ["Cléo", "Dina", "Élie"]),
        (Wanted(away_since=date(2026, 1, 1)), ["Béa"]),
        (Wanted(came=2, away_since=date(2026, 1, 1)), []),
        (Wanted(came=0, away_since=date(2026, 1, 1)), ["Béa"]),
        (Wanted(active_since=date(2026, 10, 1)), ["Cléo"]),
        (Wanted(active_since=date(2026, 11, 1)), []),
        (Wanted(linked=True), ["Cléo"]),
        (Wanted(linked=False), ["Ana", "Béa", "Dina", "Élie"]),
        (Wanted(ambassador=True), ["Élie"]),
        (Wanted(ambassador=False), ["Ana", "Béa", "Cléo", "Dina"]),
        (Wanted(email=False), ["Dina"]),
        (Wanted(email=True), ["Ana", "Béa", "Cléo", "Élie"]),
        (Wanted(q="a", came=1, email=True, linked=False), ["Ana", "Béa"]),
    ],
)
async def test_each_filter_shows_its_own(crowd, to, names):
    assert await names_of(crowd.as_ana, to) == names
    if not to.tag:
        async with scoped(crowd.as_dov):
            theirs = await listings.members(to, today=TODAY)
        assert not {one.id for one in theirs.lines} & set(crowd.ids.values())


async def test_a_term_that_is_over_is_no_term(crowd):
    by = crowd.as_ana
    async with scoped(by):
        found = await listings.members(Wanted(ambassador=True), today=date(2027, 6, 1))
    assert found.lines == []


async def test_a_place_that_is_not_there_is_said(crowd):
    async with scoped(crowd.as_ana):
        for to in (Wanted(community="nowhere"), Wanted(tag="nowhere")):
            with pytest.raises(NotFound):
                await listings.members(to)
    async with scoped(crowd.as_dov):
        with pytest.raises(NotFound):
            await listings.members(Wanted(tag="accueil"))


async def test_counting_stops_and_says_so(crowd, monkeypatch):
    monkeypatch.setattr(listings, "MOST_COUNTED", 3)
    async with scoped(crowd.as_ana):
        first = await listings.members(limit=2)
        rest = await listings.members(after=first.lines[-1].id, limit=2)
        few = await listings.members(Wanted(came=1), limit=2)
        none = await listings.members(Wanted(q="nobody"))
    assert (first.total, first.is_more_than_counted, first.has_more) == (3, True, True)
    assert (rest.total, rest.is_more_than_counted, rest.has_more) == (None, False, True)
    assert (few.total, few.is_more_than_counted, few.has_more) == (2, False, False)
    assert (none.total, none.lines) == (0, [])


async def test_merged_and_erased_members_are_in_no_list(app, crowd):
    by, ids = crowd.as_ana, crowd.ids
    async with scoped(by):
        await sql(
            "UPDATE member SET merged_into_id = $3 WHERE workspace_id = $1 AND id = $2",
            by.workspace_id, ids["Ana"], ids["Béa"],
        )  # fmt: skip
        await sql(
            "UPDATE member SET erased_at = $3 WHERE workspace_id = $1 AND id = $2",
            by.workspace_id, ids["Cléo"], crowd.now,
        )  # fmt: skip
        (line,) = await communities.communities()
        assert line.members == await communities.community_size(line.id) == 3
        for gone in ("Ana", "Cléo"):
            with pytest.raises(NotFound):
                await members.here(ids[gone])
            with pytest.raises(NotFound):
                await tags.put_tag(ids[gone], "X", by=by, now=crowd.now)
            with pytest.raises(NotFound):
                await notes.write_note(ids[gone], "X", by=by, now=crowd.now)
            with pytest.raises(NotFound):
                await members.change(ids[gone], Given(name="X"), by=by, now=crowd.now)
    assert await names_of(by) == ["Béa", "Dina", "Élie"]
    async with world.browsing(app, crowd.ana) as ana:
        moved = await ana.get(f"/w/orbelune/people/{ids['Ana']}")
        assert moved.headers["location"] == f"/w/orbelune/people/{ids['Béa']}"
        assert (await ana.get(f"/w/orbelune/people/{ids['Cléo']}")).status_code == 404


async def test_a_name_that_grows_when_it_is_compared_is_kept(cast):
    by = cast.as_ana
    async with scoped(by):
        id_ = await members.add(Given(name="ﷺ" * 200), by=by, now=cast.now)
        assert (await listings.members()).lines[0].id == id_


# Members by hand


async def test_a_member_is_written_down_and_changed(crowd):
    by, where = crowd.as_ana, crowd.community
    async with scoped(by):
        other = await communities.make_community("Jardin", by=by, now=crowd.now)
        new = Given(
            name=" Fanny  B ",
            email="Fanny@X.example",
            language="fr",
            joined_on=date(2026, 1, 2),
            community_ids=[where.id, where.id],
        )
        id_ = await members.add(new, by=by, now=crowd.now)
        known = await dossiers.dossier(id_)
        assert (known.name, known.email) == ("Fanny B", "fanny@x.example")
        assert [one.slug for one in known.communities] == ["lunatiques"]
        changed = Given(name="Fanny", is_insider=True, community_ids=[other.id])
        await members.change(id_, changed, by=by, now=crowd.now)
        known = await dossiers.dossier(id_)
        assert (known.name, known.email, known.is_insider) == ("Fanny", None, True)
        assert [one.slug for one in known.communities] == ["jardin"]
        row = await one(
            "SELECT fields FROM audit_entry WHERE workspace_id = $1"
            " AND action = 'changed_member'",
            by.workspace_id,
        )
    assert row["fields"] == [
        "name", "email", "language", "joined_on", "is_insider", "communities"
    ]  # fmt: skip


async def test_an_address_that_is_taken_is_refused_and_nothing_changes(crowd):
    by = crowd.as_ana
    async with scoped(by):
        with pytest.raises(AddressIsTaken):
            await members.add(Given(name="A", email="ax@ici.example"), by=by, now=crowd.now)
        with pytest.raises(AddressIsTaken):
            await members.change(
                crowd.ids["Béa"],
                Given(name="B", email="AX@ici.example"),
                by=by,
                now=crowd.now,
            )
        assert (await members.member(crowd.ids["Béa"])).name == "Béa"
        for wrong in (Given(name=" "), Given(name="x", email="nowhere")):
            with pytest.raises(Invalid):
                await members.add(wrong, by=by, now=crowd.now)
        theirs = Given(name="x", community_ids=[crowd.ids["Béa"]])
        with pytest.raises(CommunityIsGone):
            await members.add(theirs, by=by, now=crowd.now)
        with pytest.raises(NotFound):
            await members.change(crowd.theirs, Given(name="x"), by=by, now=crowd.now)


@pytest.mark.committed
async def test_of_ten_who_write_one_address_one_is_kept(cast):
    by = cast.as_ana

    async def once(number):
        try:
            new = Given(name=f"N{number}", email="same@x.example")
            return await members.add(new, by=by, now=cast.now)
        except AddressIsTaken:
            return None

    made = await asyncio.gather(*(once(number) for number in range(10)))
    assert len([one for one in made if one]) == 1


@pytest.mark.committed
async def test_a_tag_made_by_many_at_once_is_one(cast):
    by = cast.as_ana
    ids = [
        await members.known(
            f"m{n}@x.example", name=f"M{n}", language="", by=by, now=cast.now
        )
        for n in range(6)
    ]
    await asyncio.gather(*(tags.put_tag(id_, "VIP", by=by, now=cast.now) for id_ in ids))
    async with scoped(by):
        (line,) = await tags.tags()
    assert (line.slug, line.members) == ("vip", 6)


# Tags


async def test_a_tag_keeps_its_address_when_it_is_renamed(crowd):
    by, said = crowd.as_ana, {"by": crowd.as_ana, "now": crowd.now}
    async with scoped(by):
        first = await tags.put_tag(crowd.ids["Ana"], "accueil", **said)
        assert await tags.put_tag(crowd.ids["Ana"], "ACCUEIL", **said) == first
        await tags.rename_tag("accueil", "À la porte", **said)
        second = await tags.put_tag(crowd.ids["Ana"], "Accueil", **said)
        assert second != first
        kept = {(one.slug, one.name, one.members) for one in await tags.tags()}
        assert kept == {("accueil", "À la porte", 2), ("accueil-2", "Accueil", 1)}
        with pytest.raises(TagExists):
            await tags.rename_tag("accueil", "accueil", **said)
        for wrong in ("!", " "):
            with pytest.raises(Invalid):
                await tags.rename_tag("accueil", wrong, **said)
            with pytest.raises(Invalid):
                await tags.put_tag(crowd.ids["Ana"], wrong, **said)
        await tags.take_tag(crowd.ids["Ana"], "accueil", **said)
        with pytest.raises(NotFound):
            await tags.take_tag(crowd.ids["Ana"], "accueil", **said)
    async with scoped(crowd.as_dov):
        for act in (tags.rename_tag("accueil", "X", by=crowd.as_dov, now=crowd.now),
                    tags.drop_tag("accueil", by=crowd.as_dov, now=crowd.now),
                    tags.take_tag(crowd.ids["Élie"], "accueil", by=crowd.as_dov, now=crowd.now),
                    tags.put_tag(crowd.ids["Élie"], "X", by=crowd.as_dov, now=crowd.now)):  # fmt: skip
            with pytest.raises(NotFound):
                await act
        assert await tags.tags() == []


async def test_a_tag_that_a_segment_asks_for_stays(crowd):
    by, said = crowd.as_ana, {"by": crowd.as_ana, "now": crowd.now}
    async with scoped(by):
        await segments.save_segment("Porte", Wanted(tag="accueil"), **said)
        with pytest.raises(TagInUse) as no:
            await tags.drop_tag("accueil", **said)
        assert "Porte" in str(no.value)
        await segments.drop_segment("porte", **said)
        await tags.drop_tag("accueil", **said)
        assert await tags.tags() == []
        assert (await dossiers.dossier(crowd.ids["Élie"])).tags == []


async def test_tags_and_segments_have_a_most(crowd, monkeypatch):
    monkeypatch.setattr(tags, "MOST_TAGS", 1)
    monkeypatch.setattr(segments, "MOST_SEGMENTS", 0)
    said = {"by": crowd.as_ana, "now": crowd.now}
    async with scoped(crowd.as_ana):
        with pytest.raises(TooManyTags):
            await tags.put_tag(crowd.ids["Ana"], "Another", **said)
        with pytest.raises(TooManySegments):
            await segments.save_segment("S", Wanted(came=1), **said)


# Notes


async def test_a_note_has_its_author_and_is_removed_with_its_words(crowd):
    by, bea = crowd.as_ana, crowd.ids["Béa"]
    async with scoped(by):
        first = await notes.write_note(bea, " Veut aider. ", by=by, now=crowd.now)
        await notes.write_note(bea, "Parle espagnol.", by=by, now=crowd.now)
        kept = await notes.notes_of(bea)
        assert [(one.text, one.author) for one in kept] == [
            ("Parle espagnol.", "Ana"),
            ("Veut aider.", "Ana"),
        ]
        assert (await dossiers.dossier(bea)).notes == kept
        assert "note" in [one.kind for one in await dossiers.timeline(bea)]
        with pytest.raises(NotFound):
            await notes.remove_note(first, member_id=crowd.ids["Ana"], by=by, now=crowd.now)
        await notes.remove_note(first, member_id=bea, by=by, now=crowd.now)
        with pytest.raises(NotFound):
            await notes.remove_note(first, member_id=bea, by=by, now=crowd.now)
        assert [one.text for one in await notes.notes_of(bea)] == ["Parle espagnol."]
        row = await one("SELECT text FROM note WHERE workspace_id = $1 AND id = $2",
                        by.workspace_id, first)  # fmt: skip
        assert row["text"] == ""
        with pytest.raises(Invalid):
            await notes.write_note(bea, " \u202e ", by=by, now=crowd.now)
    async with scoped(crowd.as_dov):
        assert await notes.notes_of(bea) == []


# Segments


async def test_a_segment_is_a_list_with_a_name(crowd):
    by, said = crowd.as_ana, {"by": crowd.as_ana, "now": crowd.now}
    async with scoped(by):
        made = await segments.save_segment("Habitués", Wanted(came=3), **said)
        assert (made.slug, made.query) == ("habitues", "came=3")
        with pytest.raises(SegmentExists):
            await segments.save_segment("HABITUES", Wanted(came=2), **said)
        for name, to in (("X", EVERYBODY), ("!", Wanted(came=1))):
            with pytest.raises(Invalid):
                await segments.save_segment(name, to, **said)
        await segments.save_segment("Autres", Wanted(came=0), **said)
        await segments.rename_segment("habitues", "Fidèles", **said)
        with pytest.raises(SegmentExists):
            await segments.rename_segment("autres", "fideles", **said)
        with pytest.raises(Invalid):
            await segments.rename_segment("autres", "!", **said)
        assert [(one.name, one.slug, one.author) for one in await segments.segments()] == [
            ("Autres", "autres", "Ana"),
            ("Fidèles", "habitues", "Ana"),
        ]
    async with scoped(crowd.as_dov):
        assert await segments.segments() == []
        theirs = {"by": crowd.as_dov, "now": crowd.now}
        with pytest.raises(NotFound):
            await segments.rename_segment("habitues", "X", **theirs)
        with pytest.raises(NotFound):
            await segments.drop_segment("habitues", **theirs)


# Communities, dossiers, timelines


async def test_a_community_is_called_otherwise_at_the_same_address(crowd):
    by = crowd.as_ana
    async with scoped(by):
        await communities.make_community("Jardin", by=by, now=crowd.now)
        said = {"description": "Le soir.", "by": by, "now": crowd.now}
        await communities.change_community("lunatiques", name="Les Lunes", **said)
        found = await communities.community_by_slug("lunatiques")
        assert (found.name, found.description) == ("Les Lunes", "Le soir.")
        with pytest.raises(CommunityExists):
            await communities.change_community("lunatiques", name="JARDIN", **said)
        with pytest.raises(Invalid):
            await communities.change_community("lunatiques", name="!", **said)
        with pytest.raises(NotFound):
            await communities.change_community("nowhere", name="X", **said)


async def test_a_timeline_tells_everything_and_nothing_to_others(crowd):
    by, ids = crowd.as_ana, crowd.ids
    async with scoped(by):
        meetup = await a_meetup(crowd, 9, days=3, came=["Cléo"])
        await sql(
            "INSERT INTO invitation (id, workspace_id, meetup_id, member_id, invited_at)"
            " VALUES ($1, $2, $3, $4, $5)",
            uuid7(), by.workspace_id, meetup, ids["Cléo"], crowd.now - timedelta(days=20),
        )  # fmt: skip
        await notes.write_note(ids["Cléo"], "Aime le jus.", by=by, now=crowd.now)
        kinds = {one.kind for one in await dossiers.timeline(ids["Cléo"])}
    assert kinds >= {
        "invited",
        "registered",
        "came",
        "active",
        "linked",
        "agreed",
        "note",
        "known",
    }
    async with scoped(crowd.as_dov):
        assert await dossiers.timeline(ids["Cléo"]) == []
        with pytest.raises(NotFound):
            await dossiers.dossier(ids["Cléo"])


def test_days_online_with_nothing_between_are_one_line():
    seat = Seat(uuid7(), "orbelune", "Orbelune", "#b84a2b", Role.OWNER)
    at = world.NOW

    def moment(days, kind, title="Forum", detail="2"):
        return Moment(at - timedelta(days=days), kind, title, detail)

    told = list(
        told_all(
            [
                *(moment(day, "active") for day in range(4)),
                moment(5, "came", "L’apéro", "page"),
                *(moment(day, "active") for day in (6, 7)),
                moment(8, "active", "Serveur"),
            ],
            seat,
            "Europe/Paris",
        )
    )
    assert len(told) == 5
    assert "–" in told[0]["when"]
    assert told[0]["text"].startswith("Forum, 8")


# Pages


async def test_the_list_is_narrowed_saved_and_found_again(app, crowd):
    async with world.browsing(app, crowd.ana) as ana:
        page = await ana.get("/w/orbelune/people?came=3&community=lunatiques&lang=en")
        assert page.status_code == 200
        assert "Ana" in page.text
        assert "Béa" not in page.text
        assert "came at least 3 times" in page.text
        empty = await ana.get("/w/orbelune/people?came=9&lang=en")
        assert "No member fits this search." in empty.text
        saved = await ana.post(
            "/w/orbelune/segments", data={"name": "Habitués", "query": "came=3"}
        )
        assert saved.headers["location"] == "/w/orbelune/people?came=3"
        assert "Habitués" in (await ana.get("/w/orbelune/people")).text
        for data in ({"name": "Habitués", "query": "came=1"}, {"name": "Vide", "query": ""},
                     {"name": "Faux", "query": "came=often"}):  # fmt: skip
            refused = await ana.post("/w/orbelune/segments", data=data)
            assert refused.status_code == 422, data
        again = await ana.post(
            "/w/orbelune/segments", data={"name": "Habitués", "query": "came=1"}
        )
        assert 'value="Habitués"' in again.text
        wrong = await ana.get("/w/orbelune/people?away_since=soon&came=2")
        assert wrong.status_code == 422
        assert 'value="soon"' in wrong.text


async def test_every_filter_is_told_in_words(app, crowd):
    address = (
        "q=a&community=lunatiques&tag=accueil&came=0&away_since=2026-01-01"
        "&active_since=2026-01-01&linked=no&ambassador=no&email=no"
    )
    async with world.browsing(app, crowd.ana) as ana:
        for query in (address, address.replace("=no", "=yes").replace("came=0", "came=2")):
            page = await ana.get(f"/w/orbelune/people?{query}&lang=fr")
            assert page.status_code == 200
            file = await ana.get(f"/w/orbelune/people.csv?{query}")
            assert len(file.text.splitlines()) == 1
        assert (await ana.get("/w/orbelune/people.csv?came=often")).status_code == 404


async def test_the_file_holds_what_the_list_shows(app, crowd):
    async with world.browsing(app, crowd.ana) as ana:
        for query in ("", "?came=0", "?tag=accueil"):
            file = await ana.get(f"/w/orbelune/people.csv{query}")
            rows = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))
            to = wanted.wanted_of(query.removeprefix("?"))
            assert [row[0] for row in rows[1:]] == await names_of(crowd.as_ana, to)
            assert "la.example" not in file.text
        assert rows[1][3] == "Accueil"


async def test_a_member_is_added_and_changed_on_pages(app, crowd):
    async with world.browsing(app, crowd.ana) as ana:
        assert (await ana.get("/w/orbelune/people/new")).status_code == 200
        data = {"name": "Fanny", "email": "fanny@x.example", "language": "fr",
                "joined_on": "2026-01-02", "communities": [str(crowd.community.id)]}  # fmt: skip
        made = await ana.post("/w/orbelune/people/new", data=data)
        assert made.status_code == 303, made.text[:500]
        path = made.headers["location"]
        again = await ana.post("/w/orbelune/people/new", data=data | {"name": "Autre"})
        assert again.status_code == 422
        assert 'value="Autre"' in again.text
        for wrong in (
            {"name": ""},
            data | {"joined_on": "soon"},
            data | {"language": "xx"},
        ):
            assert (await ana.post("/w/orbelune/people/new", data=wrong)).status_code == 422
        shown = await ana.get(f"{path}/edit")
        assert 'value="fanny@x.example"' in shown.text
        assert "checked" in shown.text
        changed = await ana.post(
            f"{path}/edit", data={"name": "Fanny B", "is_insider": "yes"}
        )
        assert changed.status_code == 303
        assert "Fanny B" in (await ana.get(path)).text
        taken = {"name": "Fanny", "email": "ax@ici.example"}
        assert (await ana.post(f"{path}/edit", data=taken)).status_code == 422
        assert (await ana.post(f"{path}/edit", data={"name": " "})).status_code == 422
        gone = data | {"email": "z@x.example", "communities": [str(crowd.theirs)]}
        assert (await ana.post("/w/orbelune/people/new", data=gone)).status_code == 409


async def test_a_member_may_be_added_with_tags_and_a_note(app, crowd):
    async with world.browsing(app, crowd.ana) as ana:
        data = {"name": "Gina", "tags": "Accueil, Nouvelle", "note": "Vue au bar"}
        wrong = await ana.post("/w/orbelune/people/new", data=data | {"tags": "Accueil, …"})
        assert wrong.status_code == 422
        assert "Vue au bar" in wrong.text
        assert '<a href="#f-tags">' in wrong.text
        assert "Gina" not in await names_of(crowd.as_ana)  # all of it, or nothing
        made = await ana.post("/w/orbelune/people/new", data=data)
        shown = (await ana.get(made.headers["location"])).text
        for words in ("Accueil", "Nouvelle", "Vue au bar"):
            assert words in shown


async def test_a_person_is_named_ambassador_from_her_page(app, crowd):
    form = f"/w/orbelune/ambassadors/new?member={crowd.ids['Béa']}"
    async with world.browsing(app, crowd.ana) as ana:
        assert form in (await ana.get(f"/w/orbelune/people/{crowd.ids['Béa']}")).text
        shown = (await ana.get(form)).text
        assert 'value="Béa"' in shown
        assert 'value="bx@ici.example"' in shown
        for other in (uuid7(), *(await _ids_of(crowd.as_dov))):
            path = f"/w/orbelune/ambassadors/new?member={other}"
            assert (await ana.get(path)).status_code == 404


async def _ids_of(by):
    async with scoped(by):
        return [row["id"] for row in await sql("SELECT id FROM member LIMIT 2")]


async def test_activity_of_nobody_known_online_is_not_measured(app, crowd):
    async with scoped(crowd.as_ana):
        id_ = await members.known(
            "inconnue@x.example", name="Ida", language="fr", by=crowd.as_ana, now=crowd.now
        )
    async with world.browsing(app, crowd.ana) as ana:
        page = (await ana.get(f"/w/orbelune/people/{id_}?lang=fr")).text
    assert "non mesuré" in page.partition("Jours actifs")[2].partition("</section>")[0]


async def test_tags_notes_and_answers_on_a_persons_page(app, crowd):
    path = f"/w/orbelune/people/{crowd.ids['Béa']}"
    async with world.browsing(app, crowd.ana) as ana:
        assert (await ana.post(f"{path}/tags", data={"tag": "Accueil"})).status_code == 303
        for wrong in ({"tag": "!"}, {"tag": ""}):
            assert (await ana.post(f"{path}/tags", data=wrong)).status_code == 422
        noted = await ana.post(f"{path}/notes", data={"text": "Veut <b>aider</b>."})
        assert noted.status_code == 303
        assert (await ana.post(f"{path}/notes", data={"text": " "})).status_code == 422
        page = (await ana.get(path)).text
        assert "Veut &lt;b&gt;aider" in page
        assert "Accueil" in page
        for data in ({"purpose": "photos", "answer": "agree", "reason": "en personne"},
                     {"purpose": "letters", "answer": "withdraw", "reason": "par lettre"}):  # fmt: skip
            assert (await ana.post(f"{path}/linking", data=data)).status_code == 303
        assert "en personne" in (await ana.get(path)).text
        refused = await ana.post(
            f"{path}/linking", data={"purpose": "photos", "answer": "agree"}
        )
        assert refused.status_code == 422
        async with scoped(crowd.as_ana):
            (note,) = await notes.notes_of(crowd.ids["Béa"])
        assert (await ana.post(f"{path}/notes/{note.id}/remove")).status_code == 303
        assert (await ana.post(f"{path}/notes/{note.id}/remove")).status_code == 404
        assert (await ana.post(f"{path}/tags/accueil/remove")).status_code == 303
        assert (await ana.post(f"{path}/tags/accueil/remove")).status_code == 404


async def test_a_name_is_never_linked_in_the_channel_of_files(app, crowd):
    async with scoped(crowd.as_ana):
        kind = places.ChannelKind.OTHER
        await places.make_channel(
            crowd.community.id, places.OF_FILES, kind, by=crowd.as_ana, now=crowd.now
        )
    async with world.browsing(app, crowd.ana) as ana:
        page = (await ana.get(f"/w/orbelune/people/{crowd.ids['Béa']}")).text
    assert ">Forum</option>" in page
    assert f">{places.OF_FILES}</option>" not in page


async def test_a_tag_too_many_keeps_what_was_typed(app, crowd, monkeypatch):
    monkeypatch.setattr(tags, "MOST_TAGS", 1)
    path = f"/w/orbelune/people/{crowd.ids['Béa']}"
    async with world.browsing(app, crowd.ana) as ana:
        refused = await ana.post(f"{path}/tags", data={"tag": "Nouveau"})
    assert refused.status_code == 422
    assert 'value="Nouveau"' in refused.text


async def test_segments_and_tags_have_their_page(app, crowd):
    said = {"by": crowd.as_ana, "now": crowd.now}
    async with world.browsing(app, crowd.ana) as ana:
        assert "Accueil" in (await ana.get("/w/orbelune/segments")).text
        async with scoped(crowd.as_ana):
            await segments.save_segment("Porte", Wanted(tag="accueil"), **said)
        page = (await ana.get("/w/orbelune/segments?lang=en")).text
        assert "tagged “Accueil”" in page
        for file, text in (("segments.csv", "Porte"), ("tags.csv", "Accueil")):
            assert text in (await ana.get(f"/w/orbelune/{file}")).text
        kept = await ana.post("/w/orbelune/tags/accueil/remove")
        assert kept.status_code == 422
        assert "Porte" in kept.text
        for path, data, status in (
            ("segments/porte/rename", {"name": "À la porte"}, 303),
            ("segments/porte/rename", {"name": "!"}, 422),
            ("segments/porte/rename", {}, 422),
            ("segments/nowhere/rename", {"name": "X"}, 404),
            ("tags/accueil/rename", {"name": "Hôtes"}, 303),
            ("tags/accueil/rename", {"name": "!"}, 422),
            ("tags/nowhere/rename", {"name": "X"}, 404),
            ("segments/porte/remove", {}, 303),
            ("segments/porte/remove", {}, 404),
            ("tags/accueil/remove", {}, 303),
            ("tags/accueil/remove", {}, 404),
        ):
            answer = await ana.post(f"/w/orbelune/{path}", data=data)
            assert answer.status_code == status, (path, answer.status_code)
        assert "No segment yet" in (await ana.get("/w/orbelune/segments?lang=en")).text


async def test_a_community_is_changed_on_its_page(app, crowd):
    path = "/w/orbelune/communities/lunatiques"
    async with world.browsing(app, crowd.ana) as ana:
        assert "Lunatiques" in (await ana.get(f"{path}/edit")).text
        changed = await ana.post(
            f"{path}/edit", data={"name": "Lunes", "description": "Le soir."}
        )
        assert changed.status_code == 303
        page = (await ana.get(path)).text
        assert "Le soir." in page
        assert "Lunes" in (await ana.get("/w/orbelune/communities.csv")).text
        await ana.post("/w/orbelune/communities", data={"name": "Jardin"})
        for wrong in ({"name": ""}, {"name": "Jardin"}, {"name": "!"}):
            assert (await ana.post(f"{path}/edit", data=wrong)).status_code == 422
        assert (await ana.get("/w/orbelune/communities/nowhere/edit")).status_code == 404


async def test_nothing_of_another_workspace_is_reached(app, crowd):
    by = crowd.as_dov
    async with scoped(by):
        theirs = crowd.theirs
        note = await notes.write_note(theirs, "Secret.", by=by, now=crowd.now)
        await tags.put_tag(theirs, "Caché", by=by, now=crowd.now)
        await segments.save_segment("Leur liste", Wanted(came=1), by=by, now=crowd.now)
        await communities.make_community("Cachée", by=by, now=crowd.now)
    base = "/w/orbelune"
    async with world.browsing(app, crowd.ana) as ana:
        for path in ("people", "people.csv", "segments", "segments.csv", "tags.csv",
                     "communities", "communities.csv"):  # fmt: skip
            text = (await ana.get(f"{base}/{path}")).text
            for word in ("Caché", "Leur liste", "la.example", "Secret"):
                assert word not in text, (path, word)
        for path in (f"people/{theirs}", f"people/{theirs}/edit", "people?tag=cache",
                     "people.csv?tag=cache", "communities/cachee/edit"):  # fmt: skip
            assert (await ana.get(f"{base}/{path}")).status_code == 404, path
        for path, data in (
            (f"people/{theirs}/edit", {"name": "X"}),
            (f"people/{theirs}/tags", {"tag": "X"}),
            (f"people/{theirs}/tags/cache/remove", {}),
            (f"people/{theirs}/notes", {"text": "X"}),
            (f"people/{theirs}/notes/{note}/remove", {}),
            (f"people/{theirs}/linking", {"answer": "agree", "reason": "x"}),
            ("segments/leur-liste/rename", {"name": "X"}),
            ("segments/leur-liste/remove", {}),
            ("tags/cache/rename", {"name": "X"}),
            ("tags/cache/remove", {}),
            ("communities/cachee/edit", {"name": "X"}),
        ):
            assert (await ana.post(f"{base}/{path}", data=data)).status_code == 404, path


async def test_a_moderator_reads_and_organisers_write(app, crowd):
    by = crowd.as_ana
    async with scoped(by):
        await workspaces.invite(
            "mo@orbelune.example", Role.MODERATOR, workspace=crowd.orbelune,
            origin=world.ORIGIN, by=by, now=crowd.now,
        )  # fmt: skip
    mo = await world.an_account("mo@orbelune.example", "Mo")
    path = f"/w/orbelune/people/{crowd.ids['Béa']}"
    async with world.browsing(app, mo) as browser:
        page = await browser.get(path)
        assert page.status_code == 200
        assert f"{path}/notes" not in page.text
        assert (await browser.get("/w/orbelune/segments")).status_code == 200
        for address in (
            f"{path}/notes",
            f"{path}/tags",
            "/w/orbelune/segments",
            f"{path}/edit",
        ):
            assert (await browser.post(address, data={"text": "x"})).status_code in {
                403,
                404,
            }
    async with world.browsing(app, crowd.bilal) as bilal:
        for address in (path, "/w/orbelune/segments", "/w/orbelune/people/new"):
            assert (await bilal.get(address)).status_code == 404


async def questions(client, path):
    """How many questions an address asks, without the transaction's own words."""
    async with world.counting_queries() as asked:
        assert (await client.get(path)).status_code == 200, path
    around = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SELECT set_config")
    return len([one for one in asked if not one.startswith(around)])


async def test_each_page_asks_a_constant_number_of_questions(app, crowd):
    by = crowd.as_ana
    paths = [
        "/w/orbelune/people",
        "/w/orbelune/people?came=1&community=lunatiques&q=a",
        f"/w/orbelune/people/{crowd.ids['Béa']}",
        f"/w/orbelune/people/{crowd.ids['Béa']}/edit",
        "/w/orbelune/segments",
        "/w/orbelune/communities",
        "/w/orbelune/communities/lunatiques",
        "/w/orbelune/people.csv",
    ]
    async with world.browsing(app, crowd.ana) as ana:
        before = [await questions(ana, path) for path in paths]
        async with scoped(by):
            for number in range(12):
                id_ = await members.known(
                    f"m{number}@x.example", name=f"A{number}", language="",
                    community_id=crowd.community.id, by=by, now=crowd.now,
                )  # fmt: skip
                await tags.put_tag(id_, f"T{number}", by=by, now=crowd.now)
                await notes.write_note(crowd.ids["Béa"], "x", by=by, now=crowd.now)
                await segments.save_segment(
                    f"S{number}", Wanted(came=number), by=by, now=crowd.now
                )
                await communities.make_community(f"C{number}", by=by, now=crowd.now)
        after = [await questions(ana, path) for path in paths]
    assert before == after
    assert max(after) <= 8, dict(zip(paths, after, strict=True))


# The API


@pytest.fixture
async def machine(app, crowd):
    """A client with a manager's token of Orbelune."""
    async with scoped(crowd.as_ana):
        token = await api_tokens.issue_token(
            "t", Role.MANAGER, ["read", "write"],
            account_id=crowd.ana, by=crowd.as_ana, now=crowd.now,
        )  # fmt: skip
    async with world.browser_of(app) as client:
        client.headers["authorization"] = f"Bearer {token}"
        yield client


async def test_members_are_filtered_through_the_api(machine, crowd):
    for query in ("", "came=3", "came=0", "tag=accueil", "email=no", "linked=yes",
                  "ambassador=yes", "active_since=2026-10-01", "away_since=2026-01-01"):  # fmt: skip
        answer = await machine.get(f"/api/v1/members?{query}")
        names = await names_of(crowd.as_ana, wanted.wanted_of(query))
        assert [one["name"] for one in answer.json()["items"]] == names, query
    assert (await machine.get("/api/v1/members?came=often")).status_code == 422
    assert (await machine.get("/api/v1/members?tag=nowhere")).status_code == 404


async def test_a_member_is_changed_through_the_api(machine, crowd):
    path = f"/api/v1/members/{crowd.ids['Béa']}"
    changed = (await machine.patch(path, json={"name": "Béatrice"})).json()
    assert (changed["name"], changed["email"]) == ("Béatrice", "bx@ici.example")
    assert [one["slug"] for one in changed["communities"]] == ["lunatiques"]
    body = {"email": None, "joined_on": "2026-01-02", "communities": [], "is_insider": True}
    changed = (await machine.patch(path, json=body)).json()
    assert (changed["email"], changed["communities"]) == (None, [])
    for wrong, status in (({"email": "ax@ici.example"}, 409), ({"communities": ["x"]}, 422),
                          ({"email": "nowhere"}, 422), ({"role": "owner"}, 400)):  # fmt: skip
        assert (await machine.patch(path, json=wrong)).status_code == status, wrong
    said = {
        "purpose": "across",
        "is_given": True,
        "text": "Yes.",
        "language": "fr",
        "via": "x",
    }
    answered = (await machine.post(f"{path}/consents", json=said)).json()
    assert answered["answers"][0]["purpose"] == "across"
    taken = await machine.post(f"{path}/consents", json=said | {"is_given": False})
    assert taken.json()["answers"][0]["is_given"] is False
    (await machine.post(f"{path}/notes", json={"text": "Veut aider."})).raise_for_status()
    one_ = (await machine.get(path)).json()
    assert [note["text"] for note in one_["notes"]] == ["Veut aider."]
    assert one_["consents"][0]["purpose"] == "across"


async def test_tags_notes_and_segments_through_the_api(machine, crowd):
    path = f"/api/v1/members/{crowd.ids['Béa']}"
    tagged = (await machine.post(f"{path}/tags", json={"name": " Accueil "})).json()
    assert [one["slug"] for one in tagged["tags"]] == ["accueil"]
    assert (await machine.get("/api/v1/tags")).json()["items"][0]["members"] == 2
    renamed = await machine.patch("/api/v1/tags/accueil", json={"name": "Hôtes"})
    assert renamed.json()["items"][0]["name"] == "Hôtes"
    assert (await machine.delete(f"{path}/tags/accueil")).status_code == 204
    assert (await machine.delete(f"{path}/tags/accueil")).status_code == 404
    note = (await machine.post(f"{path}/notes", json={"text": "A."})).json()["items"][0]
    assert (await machine.get(f"{path}/notes")).json()["items"] == [note]
    assert (await machine.delete(f"{path}/notes/{note['id']}")).status_code == 204
    assert (await machine.delete(f"{path}/notes/{note['id']}")).status_code == 404
    body = {"name": "Porte", "query": "tag=accueil"}
    made = await machine.post("/api/v1/segments", json=body)
    assert (made.status_code, made.json()["slug"]) == (201, "porte")
    assert (await machine.post("/api/v1/segments", json=body)).status_code == 409
    assert (await machine.delete("/api/v1/tags/accueil")).status_code == 409
    moved = await machine.patch("/api/v1/segments/porte", json={"name": "À la porte"})
    assert moved.json() == (await machine.get("/api/v1/segments")).json()
    assert (await machine.delete("/api/v1/segments/porte")).status_code == 204
    assert (await machine.delete("/api/v1/tags/accueil")).status_code == 204
    changed = await machine.patch("/api/v1/communities/lunatiques", json={"name": "Lunes"})
    assert changed.json()["name"] == "Lunes"


async def test_the_api_keeps_to_its_workspace(machine, crowd):
    by = crowd.as_dov
    async with scoped(by):
        note = await notes.write_note(crowd.theirs, "S.", by=by, now=crowd.now)
        await tags.put_tag(crowd.theirs, "Caché", by=by, now=crowd.now)
        await segments.save_segment("Leur", Wanted(came=1), by=by, now=crowd.now)
        await communities.make_community("Cachée", by=by, now=crowd.now)
    for path in ("members", "tags", "segments", "communities"):
        text = (await machine.get(f"/api/v1/{path}")).text
        assert "Cach" not in text
        assert "Leur" not in text
        assert "la.example" not in text
    hers = f"/api/v1/members/{crowd.theirs}"
    said = {
        "purpose": "photos",
        "is_given": True,
        "text": "Y",
        "language": "fr",
        "via": "x",
    }
    for method, path, body in (
        ("GET", hers, None),
        ("PATCH", hers, {"name": "X"}),
        ("POST", f"{hers}/consents", said),
        ("POST", f"{hers}/tags", {"name": "X"}),
        ("DELETE", f"{hers}/tags/cache", None),
        ("GET", f"{hers}/notes", None),
        ("POST", f"{hers}/notes", {"text": "X"}),
        ("DELETE", f"{hers}/notes/{note}", None),
        ("PATCH", "/api/v1/tags/cache", {"name": "X"}),
        ("DELETE", "/api/v1/tags/cache", None),
        ("PATCH", "/api/v1/segments/leur", {"name": "X"}),
        ("DELETE", "/api/v1/segments/leur", None),
        ("PATCH", "/api/v1/communities/cachee", {"name": "X"}),
    ):
        answer = await machine.request(method, path, json=body)
        assert answer.status_code == 404, (method, path, answer.status_code)


async def test_a_merged_member_is_answered_by_the_one_who_was_kept(machine, crowd):
    by = crowd.as_ana
    async with scoped(by):
        await sql(
            "UPDATE member SET merged_into_id = $3 WHERE workspace_id = $1 AND id = $2",
            by.workspace_id, crowd.ids["Ana"], crowd.ids["Béa"],
        )  # fmt: skip
        await sql(
            "UPDATE member SET erased_at = $3 WHERE workspace_id = $1 AND id = $2",
            by.workspace_id, crowd.ids["Cléo"], crowd.now,
        )  # fmt: skip
    found = await machine.get(f"/api/v1/members/{crowd.ids['Ana']}")
    assert UUID(found.json()["id"]) == crowd.ids["Béa"]
    gone = await machine.get(f"/api/v1/members/{crowd.ids['Cléo']}")
    assert gone.status_code == 404
