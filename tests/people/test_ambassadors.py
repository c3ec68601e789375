"""Ambassadors: applying, a term that opens and closes a page, missions, hours, links."""

import base64
import io
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from events.admission import invitations, registrations, tickets, touches
from events.admission.registrations import Source
from events.people import ambassadors, consents, listings, mandates, members
from events.people.consents import Purpose
from events.people.mandates import Stage, check_term, new_code, tidy_code
from events.planning import missions, stints
from events.planning.missions import AtRest, Kind, NotOpen, NotProved, Proof
from events.planning.stints import weeks_in_a_row
from server import api_tokens, charters
from server.database import scoped, sql
from server.demo import ambassadors as demo
from server.demo.making import Maker
from server.errors import Invalid, NotFound
from server.i18n import zone
from server.workspaces import Role
from tests import world
from tests.planning.evenings import a_community, a_meetup, said

HOME = "/w/orbelune/ambassadors"
OWN = "/ambassador/orbelune"
APPLY = "/m/orbelune/ambassadors/apply"
TODAY = datetime.now(zone("Europe/Paris")).date()
YEAR = TODAY + timedelta(days=365)


@pytest.fixture
async def ana(app, cast):
    async with world.browsing(app, cast.ana) as browser:
        yield browser


async def an_ambassador(
    who, email="bilal@orbelune.example", name="Bilal", *, by=None, look=None, starts=None
):
    by, look = by or who.as_ana, look or who.orbelune
    async with scoped(by):
        rows = await sql("SELECT id FROM community WHERE workspace_id = $1", look.id)
    community = rows[0]["id"] if rows else await a_community(who, by=by)
    made = await ambassadors.apply(
        email,
        name=name,
        language="fr",
        community_id=community,
        workspace=look,
        by=by,
        now=who.now,
    )
    await ambassadors.accept(
        made.id,
        starts_on=starts or TODAY - timedelta(days=60),
        ends_on=YEAR,
        area="Lyon",
        perks="Un verre",
        workspace=look,
        origin=world.ORIGIN,
        by=by,
        now=who.now,
    )
    return await hers(made.id, by)


async def hers(id_, by):
    async with scoped(by):
        return await mandates.mandate(id_, TODAY)


async def registers_by(who, settings, meetup, email, via, now=None):
    return await registrations.register(
        meetup,
        name=email.partition("@")[0].title(),
        email=email,
        language="fr",
        source=Source.PAGE,
        via=via,
        origin=world.ORIGIN,
        workspace=who.orbelune,
        keys=tickets.keys_of(settings),
        by=who.as_ana,
        now=now or who.now,
    )


async def the_charter(who, text="Écouter d’abord.", at=None):
    return await charters.publish(
        charters.Kind.AMBASSADORS,
        {"fr": text},
        main_language="fr",
        by=who.as_ana,
        now=at or who.now,
    )


async def bearer(app, who, account=None, look=None, *, role=Role.MANAGER):
    token = await api_tokens.issue_token(
        "tests",
        account_id=account or who.ana,
        role=role,
        scopes=["read", "write"],
        by=world.acting(account or who.ana, look or who.orbelune),
        now=who.now,
    )
    return {"authorization": f"Bearer {token}"}


# Rules


@given(
    st.sets(st.dates(date(2019, 1, 1), date(2028, 12, 31)), max_size=60),
    st.dates(date(2020, 1, 1), date(2028, 12, 31)),
)
def test_weeks_in_a_row_are_counted_without_a_pause(days, today):
    weeks = weeks_in_a_row(days, today)
    monday = today - timedelta(days=today.weekday())
    mondays = {day - timedelta(days=day.weekday()) for day in days if day <= today}
    ends = monday if monday in mondays else monday - timedelta(days=7)
    row = [ends - timedelta(days=7 * n) for n in range(weeks)]
    assert set(row) <= mondays
    assert ends - timedelta(days=7 * weeks) not in mondays


def test_week_53_is_a_week_and_what_is_to_come_is_none():
    week_53 = [date(2020, 12, 21), date(2020, 12, 30), date(2021, 1, 5)]
    assert weeks_in_a_row(week_53, date(2021, 1, 7)) == 3
    assert weeks_in_a_row([date(2021, 2, 1)], date(2021, 1, 7)) == 0


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        (TODAY, TODAY - timedelta(days=1)),
        (TODAY - timedelta(days=9), TODAY - timedelta(days=1)),
        (TODAY, TODAY + timedelta(days=1200)),
    ],
)
def test_a_term_ends_after_it_starts_and_within_three_years(starts, ends):
    with pytest.raises(Invalid):
        check_term(starts, ends, TODAY)


@given(st.emails())
def test_a_tag_dots_and_case_lead_to_one_mailbox(address):
    local, _, host = address.partition("@")
    if "+" in local or not local.replace(".", ""):
        return
    assert touches.is_same_mailbox(address, f"{local.upper()}+x@{host}")
    assert touches.is_same_mailbox(address, f"{local[0]}.{local[1:]}@{host}")
    assert not touches.is_same_mailbox(address, f"z{local}@{host}")
    assert not touches.is_same_mailbox(address, None)


async def test_the_database_sees_the_same_mailbox_as_we_do():
    for address in (
        "Ada.Love+x@Googlemail.com",
        "a@b.example",
        "+tag@c.example",
        "é.è@d.example",
    ):
        (row,) = await sql(f"SELECT {touches.MAILBOX.format('$1::text')} AS box", address)
        assert row["box"] == touches.mailbox(address)


def test_a_code_is_typed_as_one_likes():
    code = new_code()
    assert tidy_code(f" {code.lower()} ") == code


# Applying


async def test_applying_says_the_same_to_everybody_and_writes_once(browser, cast):
    await a_community(cast)
    version = await the_charter(cast)
    page = await browser.get(APPLY)
    assert "Écouter d’abord." in page.text
    community = re.search(r'name="community" value="([^"]+)"', page.text)[1]
    form = {
        "first_name": "Chloé",
        "email": "chloe@x.example",
        "community": community,
        "motive": "J’écoute",
        "area": "Nantes",
        "version": str(version.number),
    }
    refused = await browser.post(APPLY, data=form)
    assert refused.status_code == 422
    assert 'value="Nantes"' in refused.text
    assert "J’écoute" in refused.text
    form["agrees"] = "yes"
    answers = {(await browser.post(APPLY, data=form)).text for _ in range(2)}
    assert len(answers) == 1
    assert len(await world.letters_to("chloe@x.example")) == 1
    async with scoped(cast.as_ana):
        (one,) = await mandates.mandates(TODAY)
    assert (one.stage, one.charter_number, one.area) == (Stage.APPLIED, 1, "Nantes")
    async with scoped(cast.as_ana):
        assert (await listings.members()).lines == []
        assert await sql("SELECT FROM belonging") == []
    await ambassadors.accept(
        one.id,
        starts_on=TODAY,
        ends_on=YEAR,
        area="Nantes",
        workspace=cast.orbelune,
        origin=world.ORIGIN,
        by=cast.as_ana,
        now=cast.now,
    )
    async with scoped(cast.as_ana):
        (line,) = (await listings.members()).lines
        assert (line.name, line.communities != "") == ("Chloé", True)
    other = form | {"community": str(cast.ana)}
    assert (await browser.post(APPLY, data=other)).status_code == 422
    robot = form | {"website": "https://x", "email": "robot@x.example"}
    assert (await browser.post(APPLY, data=robot)).status_code == 200
    assert await world.letters_to("robot@x.example") == []


async def test_nobody_applies_where_there_is_no_community(browser, cast):
    assert "ambassadors/apply#form" not in (await browser.get(APPLY)).text
    assert (await browser.post(APPLY, data={})).status_code == 422


async def test_an_application_is_accepted_and_opens_her_page(app, ana, cast):
    community = await a_community(cast)
    made = await ambassadors.apply(
        "bilal@orbelune.example",
        name="Bilal",
        language="fr",
        community_id=community,
        motive="Moi",
        workspace=cast.orbelune,
        by=cast.as_ana,
        now=cast.now,
    )
    here = f"{HOME}/{made.id}"
    assert "Moi" in (await ana.get(here)).text
    async with world.browsing(app, cast.bilal) as bilal:
        assert (await bilal.get(OWN)).status_code == 404
        wrong = await ana.post(
            f"{here}/accept",
            data={
                "starts_on": str(TODAY),
                "ends_on": str(TODAY - timedelta(days=2)),
                "area": "Croix-Rousse",
            },
        )
        assert wrong.status_code == 422
        assert 'value="Croix-Rousse"' in wrong.text
        answer = await ana.post(
            f"{here}/accept", data={"starts_on": str(TODAY), "ends_on": str(YEAR)}
        )
        assert answer.headers["location"] == here
        assert (await bilal.get(OWN)).status_code == 200
        again = await ana.post(
            f"{here}/accept", data={"starts_on": str(TODAY), "ends_on": str(YEAR)}
        )
        assert again.status_code == 409
        assert (await ana.post(f"{here}/decline", data={})).status_code == 409
    (letter,) = [
        one
        for one in await world.letters_to("bilal@orbelune.example")
        if "ambass" in one["body_text"]
    ]
    assert letter["kind"] == "ambassador"
    assert "connectez-vous avec cette adresse" in letter["body_text"]
    assert "charte" not in letter["body_text"]


async def test_who_is_named_reads_what_is_asked_and_is_in_term_once_she_agrees(
    app, ana, cast
):
    await the_charter(cast)
    her = await an_ambassador(cast)
    (letter,) = [
        one
        for one in await world.letters_to("bilal@orbelune.example")
        if one["kind"] == "ambassador"
    ]
    for told in (her.community, "Lyon", "Un verre", "lisez", "charte"):
        assert told.casefold() in letter["body_text"].casefold()
    assert "proposé votre aide" not in letter["body_text"]
    for path in (HOME, f"{HOME}/{her.id}", f"{HOME}.csv"):
        assert "Invitée, charte à accepter" in (await ana.get(path)).text
    async with scoped(cast.as_ana):
        charter = await charters.current(charters.Kind.AMBASSADORS)
        await ambassadors.accept_charter(her.id, charter.id, by=cast.as_ana, now=cast.now)
    assert "Invitée, charte" not in (await ana.get(HOME)).text


async def test_declining_tells_her_why_and_she_may_apply_again(ana, cast):
    community = await a_community(cast)

    async def apply():
        return await ambassadors.apply(
            "c@x.example",
            name="C",
            language="fr",
            community_id=community,
            workspace=cast.orbelune,
            by=cast.as_ana,
            now=cast.now,
        )

    first = await apply()
    assert (await apply()).id == first.id
    await ana.post(f"{HOME}/{first.id}/decline", data={"reason": "Pas cette année"})
    (letter,) = await world.letters_to("c@x.example")
    assert "Pas cette année" in letter["body_text"]
    assert (await apply()).is_new
    assert (await hers(first.id, cast.as_ana)).stage is Stage.DECLINED


async def test_a_person_without_an_address_cannot_be_accepted(cast):
    community = await a_community(cast)
    member = await members.unnamed(
        "Sam", community_id=community, by=cast.as_ana, now=cast.now
    )
    made = await ambassadors.apply(
        "s@x.example",
        name="S",
        language="fr",
        community_id=community,
        workspace=cast.orbelune,
        by=cast.as_ana,
        now=cast.now,
    )
    async with scoped(cast.as_ana):
        await sql("UPDATE ambassador SET member_id = $1 WHERE id = $2", member, made.id)
    with pytest.raises(ambassadors.NeedsAddress):
        await ambassadors.accept(
            made.id,
            starts_on=TODAY,
            ends_on=YEAR,
            area="",
            workspace=cast.orbelune,
            origin=world.ORIGIN,
            by=cast.as_ana,
            now=cast.now,
        )


async def test_an_organiser_names_one_herself(ana, cast):
    community = await a_community(cast)
    form = {
        "email": "c@x.example",
        "name": "Chloé",
        "community": str(community),
        "starts_on": str(TODAY),
        "ends_on": str(YEAR),
    }
    assert (await ana.get(f"{HOME}/new")).status_code == 200
    wrong = await ana.post(f"{HOME}/new", data=form | {"email": "c@"})
    assert (wrong.status_code, 'value="c@"' in wrong.text) == (422, True)
    answer = await ana.post(f"{HOME}/new", data=form)
    assert answer.status_code == 303
    assert "Chloé" in (await ana.get(answer.headers["location"])).text
    assert (await ana.post(f"{HOME}/new", data=form)).status_code == 409
    assert len(await world.letters_to("c@x.example")) == 1


# The term


async def test_ending_a_term_closes_her_page_at_the_next_request(app, ana, cast):
    her = await an_ambassador(cast)
    async with world.browsing(app, cast.bilal) as bilal:
        assert (await bilal.get(OWN)).status_code == 200
        assert (
            await ana.post(f"{HOME}/{her.id}/end", data={"reason": "Merci"})
        ).status_code == 303
        assert (await bilal.get(OWN)).status_code == 404
        assert (await bilal.post(f"{OWN}/rest", data={})).status_code == 404
    assert (await ana.post(f"{HOME}/{her.id}/end", data={})).status_code == 409
    assert "Merci" in (await world.letters_to("bilal@orbelune.example"))[-1]["body_text"]
    async with scoped(cast.as_ana):
        assert not await sql(
            "SELECT 1 FROM membership WHERE account_id = $1 AND role = 'ambassador' AND ended_at IS NULL",
            cast.bilal,
        )


@pytest.mark.parametrize("column", ["ends_on", "starts_on"])
async def test_a_page_is_there_from_the_first_day_to_the_last(app, cast, column):
    her = await an_ambassador(cast)
    async with world.browsing(app, cast.bilal) as bilal:
        for day, status in (
            (TODAY, 200),
            (TODAY + timedelta(days=2 if column == "starts_on" else -2), 404),
        ):
            async with scoped(cast.as_ana):
                statement = f"UPDATE ambassador SET {column} = $1 WHERE id = $2"  # noqa: S608
                await sql(statement, day, her.id)
            assert (await bilal.get(OWN)).status_code == status


async def test_the_role_goes_when_the_term_is_over_and_not_before(cast):
    her = await an_ambassador(cast)
    await ambassadors.end_terms(cast.now)
    assert (await hers(her.id, cast.as_ana)).stage is Stage.ACTIVE
    async with scoped(cast.as_ana):
        await sql(
            "UPDATE ambassador SET ends_on = '2026-11-04', starts_on = '2026-01-01' WHERE id = $1",
            her.id,
        )
    assert (await hers(her.id, cast.as_ana)).stage is Stage.OVER
    await ambassadors.end_terms(cast.now)
    assert (await hers(her.id, cast.as_ana)).stage is Stage.ENDED
    async with scoped(cast.as_ana):
        assert not await sql(
            "SELECT 1 FROM membership WHERE account_id = $1 AND role = 'ambassador' AND ended_at IS NULL",
            cast.bilal,
        )
    assert (await an_ambassador(cast)).id != her.id


async def test_a_term_that_is_over_makes_room_for_the_next(cast):
    her = await an_ambassador(cast)
    async with scoped(cast.as_ana):
        await sql(
            "UPDATE ambassador SET ends_on = '2026-11-04', starts_on = '2026-01-01' WHERE id = $1",
            her.id,
        )
    assert (await an_ambassador(cast)).id != her.id


async def test_a_mandate_is_changed_and_renewed_while_it_runs(ana, cast):
    her = await an_ambassador(cast)
    here = f"{HOME}/{her.id}"
    longer = YEAR + timedelta(days=30)
    assert (
        await ana.post(f"{here}/change", data={"area": "Brest", "ends_on": str(longer)})
    ).status_code == 303
    found = await hers(her.id, cast.as_ana)
    assert (found.area, found.ends_on) == ("Brest", longer)
    assert (await ana.post(f"{here}/change", data={"ends_on": "hier"})).status_code == 422
    await ana.post(f"{here}/end", data={})
    assert (
        await ana.post(f"{here}/change", data={"ends_on": str(longer)})
    ).status_code == 409
    assert (await ana.post(f"{here}/rest", data={"until": str(TODAY)})).status_code == 409


# Her page


async def test_a_new_charter_is_accepted_on_her_page(app, cast):
    her = await an_ambassador(cast)
    version = await the_charter(cast)
    async with world.browsing(app, cast.bilal) as bilal:
        assert "Écouter d’abord." in (await bilal.get(OWN)).text
        assert (
            await bilal.post(f"{OWN}/charter", data={"version": str(version.id)})
        ).status_code == 422
        newer = await the_charter(cast, "Écouter, puis dire.")
        assert (
            await bilal.post(
                f"{OWN}/charter", data={"version": str(version.id), "agrees": "yes"}
            )
        ).status_code == 422
        for _ in range(2):
            assert (
                await bilal.post(
                    f"{OWN}/charter", data={"version": str(newer.id), "agrees": "yes"}
                )
            ).status_code == 303
        assert "puis dire" not in (await bilal.get(OWN)).text
    assert (await hers(her.id, cast.as_ana)).charter_number == 2


def a_photo():
    out = io.BytesIO()
    Image.new("RGB", (30, 20), "#b84a2b").save(out, "JPEG")
    return out.getvalue()


async def test_a_mission_is_asked_proved_and_thanked_by_letter(app, ana, cast, settings):
    her = await an_ambassador(cast)
    here = f"{HOME}/{her.id}"
    meetup = await a_meetup(cast, settings, published=True)
    form = {
        "kind": "newcomers",
        "title": "Amener cinq personnes",
        "goal": "5",
        "due_on": str(YEAR),
        "meetup": str(meetup.id),
    }
    wrong = await ana.post(f"{here}/missions", data=form | {"goal": "beaucoup"})
    assert (wrong.status_code, 'value="Amener cinq personnes"' in wrong.text) == (422, True)
    assert (
        await ana.post(f"{here}/missions", data=form | {"due_on": "2020-01-01"})
    ).status_code == 422
    assert (
        await ana.post(f"{here}/missions", data=form | {"goal": "0"})
    ).status_code == 422
    assert (
        await ana.post(f"{here}/missions", data=form | {"meetup": str(cast.ana)})
    ).status_code == 404
    assert (await ana.post(f"{here}/missions", data=form)).status_code == 303
    async with scoped(cast.as_ana):
        (one,) = await missions.missions_of(her.id, TODAY)
    assert "Amener cinq personnes" in (await world.letters_to(her.email))[-1]["body_text"]
    assert (
        await ana.post(f"{here}/missions/{one.id}/thank", data={"thanks": "Merci"})
    ).status_code == 409
    async with world.browsing(app, cast.bilal) as bilal:
        proof = f"{OWN}/missions/{one.id}/proof"
        assert (await bilal.post(proof, data={"text": ""})).status_code == 422
        assert (await bilal.post(proof, data={"link": "javascript:x"})).status_code == 422
        assert (
            await bilal.post(proof, files={"picture": ("x.jpg", b"no", "image/jpeg")})
        ).status_code == 422
        sent = await bilal.post(
            proof,
            data={"text": "Six sont venues", "count": "6", "link": "https://x.example/p"},
            files={"picture": ("x.jpg", a_photo(), "image/jpeg")},
        )
        assert sent.status_code == 303
        text = (await ana.get(here)).text
        assert "Six sont venues" in text
        mine = (await bilal.get(f"{OWN}?lang=fr")).text
        assert "Vous avez envoyé" in mine
        assert "https://x.example/p</a>" in mine
        theirs = re.search(r'src="(/w/orbelune/pictures/[^"]+)"', text)[1]
        assert (await ana.get(theirs)).headers["content-type"] == "image/webp"
        own = re.search(rf'src="({OWN}/pictures/[^"]+)"', (await bilal.get(OWN)).text)[1]
        assert (await bilal.get(own)).headers["content-type"] == "image/webp"
        whole = await bilal.get(own.partition("?")[0])
        assert whole.headers["content-type"] == "image/jpeg"
        assert whole.headers["cache-control"].startswith("private")
        tag = {"if-none-match": whole.headers["etag"]}
        assert (await bilal.get(own.partition("?")[0], headers=tag)).status_code == 304
        await an_ambassador(cast, "eiko@sabline.example", "Eiko")
        async with world.browsing(app, cast.eiko) as eiko:
            assert (await eiko.get(OWN)).status_code == 200
            assert (await eiko.get(own)).status_code == 404
        async with world.browsing(app, cast.dov) as dov:
            assert (await dov.get(own)).status_code == 404
        assert (await ana.get(own)).status_code == 404
        assert (
            await ana.post(
                f"{here}/missions/{one.id}/thank", data={"thanks": "Merci Bilal"}
            )
        ).status_code == 303
        assert (await bilal.post(proof, data={"text": "Encore"})).status_code == 409
        assert "Merci Bilal" in (await bilal.get(OWN)).text
    assert "Merci Bilal" in (await world.letters_to(her.email))[-1]["body_text"]
    assert (await ana.post(f"{here}/missions/{one.id}/drop")).status_code == 409
    assert "Six sont venues" in (await ana.get(f"{HOME}/missions.csv")).text


async def test_a_mission_is_dropped_and_late_when_its_day_is_past(ana, cast):
    her = await an_ambassador(cast)
    by = cast.as_ana
    id_ = await missions.ask(
        her.id,
        kind=Kind.OTHER,
        title="T",
        due_on=date(2026, 11, 6),
        workspace=cast.orbelune,
        origin=world.ORIGIN,
        by=by,
        now=cast.now,
    )
    async with scoped(by):
        (one,) = await missions.missions_of(her.id, date(2026, 11, 7))
    assert one.state == "late"
    other = await an_ambassador(cast, "c@x.example", "C")
    assert (await ana.post(f"{HOME}/{other.id}/missions/{id_}/drop")).status_code == 404
    assert (await ana.post(f"{HOME}/{her.id}/missions/{id_}/drop")).status_code == 303
    for act in (
        missions.drop(id_, by=by, now=cast.now),
        missions.prove(id_, her.id, Proof("x"), by=by, now=cast.now),
        missions.thank(id_, "x", workspace=cast.orbelune, origin="", by=by, now=cast.now),
    ):
        with pytest.raises(NotOpen):
            await act


async def test_nothing_is_asked_of_somebody_who_rests(app, ana, cast):
    her = await an_ambassador(cast)
    async with world.browsing(app, cast.bilal) as bilal:
        assert (
            await bilal.post(f"{OWN}/rest", data={"until": str(TODAY - timedelta(days=1))})
        ).status_code == 422
        assert (
            await bilal.post(f"{OWN}/rest", data={"until": str(TODAY + timedelta(days=20))})
        ).status_code == 303
        assert (await bilal.get(OWN)).status_code == 200
        form = {"kind": "host", "title": "Table"}
        assert (await ana.post(f"{HOME}/{her.id}/missions", data=form)).status_code == 409
        assert (await bilal.post(f"{OWN}/rest", data={})).status_code == 303
        assert (await ana.post(f"{HOME}/{her.id}/missions", data=form)).status_code == 303
    await ana.post(f"{HOME}/{her.id}/rest", data={"until": str(TODAY)})
    assert AtRest.message
    assert NotProved.message
    await ana.post(f"{HOME}/{her.id}/end", data={})
    assert (await ana.post(f"{HOME}/{her.id}/missions", data=form)).status_code == 409


async def test_hours_are_written_down_and_taken_back(app, ana, cast, settings):
    her = await an_ambassador(cast)
    async with world.browsing(app, cast.bilal) as bilal:
        form = {"worked_on": str(TODAY), "minutes": "1:30", "note": "Accueil"}
        assert (
            await bilal.post(f"{OWN}/hours", data=form | {"minutes": "toujours"})
        ).status_code == 422
        assert (
            await bilal.post(f"{OWN}/hours", data=form | {"minutes": "48"})
        ).status_code == 422
        assert (
            await bilal.post(f"{OWN}/hours", data=form | {"worked_on": str(YEAR)})
        ).status_code == 422
        assert (
            await bilal.post(f"{OWN}/hours", data=form | {"meetup": str(cast.ana)})
        ).status_code == 404
        assert (await bilal.post(f"{OWN}/hours", data=form)).status_code == 303
        text = (await bilal.get(OWN)).text
        assert "Accueil" in text
        assert "Accueil" in (await ana.get(f"{HOME}/{her.id}")).text
        assert ",90," in (await ana.get(f"{HOME}/{her.id}/hours.csv")).text
        remove = re.search(r'action="([^"]+/remove)"', text)[1]
        assert (await bilal.post(remove)).status_code == 303
        assert (await bilal.post(remove)).status_code == 404
    async with scoped(cast.as_ana):
        assert (await stints.loads([her.id], TODAY))[her.id].minutes == 0


async def test_four_weeks_in_a_row_are_shown_to_whoever_may_ask(app, ana, cast):
    her = await an_ambassador(cast)
    for week in range(4):
        await stints.log(
            her.id,
            worked_on=TODAY - timedelta(days=7 * week),
            minutes=60,
            today=TODAY,
            by=cast.as_ana,
            now=cast.now,
        )
    async with scoped(cast.as_ana):
        load = (await stints.loads([her.id], TODAY))[her.id]
    assert (load.weeks, load.is_heavy, load.minutes) == (4, True, 240)
    assert "4 semaines" in (await ana.get(HOME)).text.replace("\xa0", " ")
    async with world.browsing(app, cast.bilal) as bilal:
        assert "4 semaines" in (await bilal.get(OWN)).text.replace("\xa0", " ")


# Personal links


async def test_a_personal_link_leads_to_the_next_meetup_without_a_cookie(
    browser, cast, settings
):
    her = await an_ambassador(cast)
    agenda = await browser.get(f"/a/orbelune/{her.code.lower()}")
    assert agenda.headers["location"] == f"/m/orbelune?via={her.code}"
    elsewhere = {"starts_at": world.NOW + timedelta(days=399)}
    elsewhere["ends_at"] = elsewhere["starts_at"] + timedelta(hours=3)
    other = await a_meetup(cast, settings, published=True, title="Ailleurs", **elsewhere)
    none = await browser.get(f"/a/orbelune/{her.code}")
    assert none.headers["location"] == f"/m/orbelune?via={her.code}"
    meetup = await a_meetup(
        cast,
        settings,
        published=True,
        community=her.community_id,
        starts_at=world.NOW + timedelta(days=400),
        ends_at=world.NOW + timedelta(days=400, hours=3),
    )
    answer = await browser.get(f"/a/orbelune/{her.code}")
    assert answer.headers["location"] == f"/m/orbelune/{meetup.slug}?via={her.code}"
    assert "set-cookie" not in answer.headers
    assert (await browser.get("/a/orbelune/NOBODYS")).headers[
        "location"
    ] == f"/m/orbelune/{other.slug}"
    assert f"?via={her.code}" in (await browser.get(f"/m/orbelune?via={her.code}")).text
    page = await browser.get(answer.headers["location"])
    assert "set-cookie" not in page.headers
    assert f'name="via" value="{her.code}"' in page.text
    wrong = await browser.post(
        f"/m/orbelune/{meetup.slug}",
        data={"first_name": "Zoé", "email": "zoe@", "via": her.code},
    )
    assert f'name="via" value="{her.code}"' in wrong.text
    for email, via in (
        ("zoe@x.example", her.code),
        ("yan@x.example", "NOBODYS"),
        ("wil@x.example", ""),
    ):
        await browser.post(
            f"/m/orbelune/{meetup.slug}",
            data={"first_name": "Zoé", "email": email, "via": via},
        )
    async with scoped(cast.as_ana):
        rows = await sql(
            "SELECT m.email, t.is_own FROM touch t JOIN member m ON m.id = t.member_id"
        )
    assert [tuple(row) for row in rows] == [("zoe@x.example", False)]


@pytest.mark.parametrize(
    "email",
    ["bilal@orbelune.example", "bilal+moi@orbelune.example", "bi.lal@orbelune.example"],
)
async def test_inviting_oneself_is_noted_as_such(cast, settings, email):
    her = await an_ambassador(cast)
    meetup = await a_meetup(cast, settings, published=True)
    await registers_by(cast, settings, meetup, email, her.code)
    async with scoped(cast.as_ana):
        (row,) = await sql("SELECT is_own FROM touch")
    assert row["is_own"]


async def test_the_first_and_the_last_who_brought_her_are_both_known(cast, settings):
    first = await an_ambassador(cast)
    last = await an_ambassador(cast, "last@x.example", "Lou")
    one = await a_meetup(cast, settings, published=True, title="Un")
    two = await a_meetup(cast, settings, published=True, title="Deux")
    await registers_by(cast, settings, one, "zoe@x.example", first.code)
    await registers_by(
        cast, settings, two, "zoe@x.example", last.code, cast.now + timedelta(hours=1)
    )
    async with scoped(cast.as_ana):
        (row,) = await sql("SELECT id FROM member WHERE email = 'zoe@x.example'")
        known = await touches.inviters_of(row["id"])
    assert (known.first, known.last) == ("Bilal", "Lou")


async def test_she_hides_who_invited_her(browser, cast, settings):
    her = await an_ambassador(cast)
    meetup = await a_meetup(
        cast,
        settings,
        published=True,
        starts_at=world.NOW + timedelta(days=400),
        ends_at=world.NOW + timedelta(days=400, hours=3),
    )
    await registers_by(cast, settings, meetup, "zoe@x.example", her.code)
    (letter,) = await world.letters_to("zoe@x.example")
    own = re.search(r"/r/[^\s/]+", letter["body_text"])[0]
    assert f'action="{own}/hide"' in (await browser.get(own)).text
    for _ in range(2):
        assert (await browser.post(f"{own}/hide")).headers["location"] == own
    assert f'action="{own}/hide"' not in (await browser.get(own)).text
    async with scoped(cast.as_ana):
        (row,) = await sql("SELECT id FROM member WHERE email = 'zoe@x.example'")
        known = await touches.inviters_of(row["id"])
    assert (known.first_id, known.last_id) == (None, None)


# Letters in her name


async def test_an_invitation_leaves_once_and_stops_in_one_click(
    app, browser, cast, settings
):
    her = await an_ambassador(cast)
    soon = {
        "community": her.community_id,
        "starts_at": world.NOW + timedelta(days=400),
        "ends_at": world.NOW + timedelta(days=400, hours=3),
    }
    meetup = await a_meetup(cast, settings, published=True, **soon)
    other = await a_meetup(cast, settings, published=True, title="Autre", **soon)
    async with world.browsing(app, cast.bilal) as bilal:
        form = {"meetup": str(meetup.id), "name": "Zoé", "email": "zoe@x.example"}
        assert (
            await bilal.post(
                f"{OWN}/invitations", data=form | {"email": "bilal+x@orbelune.example"}
            )
        ).status_code == 422
        heard = {said(await bilal.post(f"{OWN}/invitations", data=form)) for _ in range(2)}
        (letter,) = await world.letters_to("zoe@x.example")
        assert letter["unsubscribe_href"] in letter["body_text"]
        assert letter["unsubscribe_href"] in letter["body_html"]
        assert f"/m/orbelune/{meetup.slug}?via={her.code}" in letter["body_text"]
        assert "Bilal" in letter["subject"]
        stop = re.search(r"/i/orbelune/\S+", letter["body_text"])[0]
        assert (
            await browser.get(stop[:-1] + ("0" if stop[-1] != "0" else "1"))
        ).status_code == 404
        assert (await browser.get(stop)).status_code == 200
        async with scoped(cast.as_ana):
            (row,) = await sql("SELECT id FROM member WHERE email = 'zoe@x.example'")
            assert await consents.answers(row["id"]) == []
        one_click = {"List-Unsubscribe": "One-Click"}  # by the mail program (RFC 8058)
        for _ in range(2):
            assert (await browser.post(stop, data=one_click)).status_code == 200
        async with scoped(cast.as_ana):
            (answer,) = await consents.answers(row["id"])
        assert (answer.purpose, answer.is_given) == (Purpose.LETTERS, False)
        heard.add(
            said(
                await bilal.post(
                    f"{OWN}/invitations", data=form | {"meetup": str(other.id)}
                )
            )
        )
        await registers_by(cast, settings, other, "yan@x.example", "")
        before = len(await world.letters_to("yan@x.example"))
        heard.add(
            said(
                await bilal.post(
                    f"{OWN}/invitations",
                    data=form | {"meetup": str(other.id), "email": "yan@x.example"},
                )
            )
        )
        assert len(heard) == 1
        assert len(await world.letters_to("yan@x.example")) == before
    assert len(await world.letters_to("zoe@x.example")) == 1


async def test_nobody_is_asked_to_a_draft_nor_written_to_without_end(app, cast, settings):
    her = await an_ambassador(cast)
    draft = await a_meetup(cast, settings, community=her.community_id)
    other = await a_meetup(cast, settings, published=True, title="Ailleurs")
    soon = {
        "community": her.community_id,
        "starts_at": world.NOW + timedelta(days=400),
        "ends_at": world.NOW + timedelta(days=400, hours=3),
    }
    meetup = await a_meetup(cast, settings, published=True, title="Ouverte", **soon)
    async with world.browsing(app, cast.bilal) as bilal:
        form = {"meetup": str(draft.id), "name": "Zoé", "email": "zoe@x.example"}
        assert (await bilal.post(f"{OWN}/invitations", data=form)).status_code == 409
        elsewhere = await bilal.post(
            f"{OWN}/invitations", data=form | {"meetup": str(other.id)}
        )
        assert elsewhere.status_code == 422
        assert "rencontre de votre communauté" in elsewhere.text
        statuses = [
            (
                await bilal.post(
                    f"{OWN}/invitations",
                    data=form | {"meetup": str(meetup.id), "email": "zoe@x.example"},
                )
            ).status_code
            for _ in range(4)
        ]
    assert statuses == [303, 303, 303, 429]


async def test_the_hours_name_the_meetups_around(app, cast, settings):
    her = await an_ambassador(cast)
    lately = datetime.now(UTC) - timedelta(days=9)
    past, _soon = [
        await a_meetup(
            cast,
            settings,
            published=True,
            community=her.community_id,
            title=title,
            starts_at=at,
            ends_at=at + timedelta(hours=3),
        )
        for title, at in (("Hier", lately), ("Demain", lately + timedelta(days=20)))
    ]
    await a_meetup(cast, settings, title="Brouillon")
    await a_meetup(cast, settings, title="Ailleurs", published=True)
    async with world.browsing(app, cast.bilal) as bilal:
        text = (await bilal.get(OWN)).text
        hours = text.partition('id="hours-meetup"')[2].partition("</select>")[0]
        assert hours.index("Hier") < hours.index("Demain")
        assert "Brouillon" not in hours
        invites = text.partition('id="f-meetup"')[2].partition("</select>")[0]
        assert "Demain" in invites
        assert "Hier" not in invites
        assert "Ailleurs" not in invites
        form = {"worked_on": str(TODAY), "minutes": "1:30", "meetup": str(past.id)}
        wrong = await bilal.post(f"{OWN}/hours", data=form | {"minutes": "x"})
        chosen = wrong.text.partition('id="hours-meetup"')[2].partition("</select>")[0]
        assert f'value="{past.id}" selected' in chosen
        assert (await bilal.post(f"{OWN}/hours", data=form)).status_code == 303
        assert (
            await bilal.post(f"{OWN}/hours", data=form | {"meetup": ""})
        ).status_code == 303
        assert ", Hier" in (await bilal.get(OWN)).text


async def test_the_foot_of_public_pages_leads_to_the_application(app, browser, cast):
    async def is_offered(slug="orbelune"):
        apply = f'href="/m/{slug}/ambassadors/apply"'
        listed = (
            f"/m/{slug}/ambassadors/apply<"
            in (await browser.get(f"/m/{slug}/sitemap.xml")).text
        )
        offered = apply in (await browser.get(f"/m/{slug}")).text
        assert offered == listed
        return offered

    assert not await is_offered()
    her = await an_ambassador(cast)
    assert await is_offered()
    assert not await is_offered("ailleurs")
    await ambassadors.end(her.id, "", workspace=cast.orbelune, by=cast.as_ana, now=cast.now)
    assert not await is_offered()
    await an_ambassador(cast, "c@x.example", "C")
    async with scoped(cast.as_ana):
        await sql("UPDATE ambassador SET ends_on = $1 WHERE ended_at IS NULL", TODAY)
    await ambassadors.end_terms(datetime.now(UTC) + timedelta(days=2))
    assert not await is_offered()
    await the_charter(cast)
    assert await is_offered()
    assert not await is_offered("ailleurs")


async def test_the_organisers_invite_from_the_registrations(
    app, ana, browser, cast, settings
):
    soon = {
        "starts_at": world.NOW + timedelta(days=400),
        "ends_at": world.NOW + timedelta(days=400, hours=3),
    }
    meetup = await a_meetup(cast, settings, published=True, **soon)
    draft = await a_meetup(cast, settings, title="Brouillon", **soon)
    here = f"/w/orbelune/meetups/{meetup.slug}/registrations"
    shown = (await ana.get(here)).text
    assert f'action="{here}/invite"' in shown
    form = {"invited": "Zoé", "invited_email": "zoe@x.example"}
    wrong = await ana.post(f"{here}/invite", data=form | {"invited_email": "zoe"})
    assert wrong.status_code == 422
    assert re.search(r'id="invite"[^>]* open', wrong.text)
    assert not re.search(r'id="add"[^>]* open', wrong.text)
    assert 'value="Zoé"' in wrong.text
    heard = {said(await ana.post(f"{here}/invite", data=form)) for _ in range(2)}
    assert len(heard) == 1
    (letter,) = await world.letters_to("zoe@x.example")
    assert "via=" not in letter["body_text"]
    assert letter["unsubscribe_href"].startswith(f"{world.ORIGIN}/i/orbelune/")
    refused = await ana.post(
        f"/w/orbelune/meetups/{draft.slug}/registrations/invite", data=form
    )
    assert "s’inscrire" in said(refused)
    async with world.browsing(app, cast.dov) as dov:
        assert (await dov.post(f"{here}/invite", data=form)).status_code == 404
        theirs = here.replace("orbelune", "ailleurs")
        assert (await dov.post(f"{theirs}/invite", data=form)).status_code == 404
    browser.headers.update(await bearer(app, cast))
    api = f"/api/v1/meetups/{meetup.id}/invitations"
    body = {"name": "Yan", "email": "yan@x.example"}
    assert (await browser.post(api, json=body)).status_code == 202
    assert len(await world.letters_to("yan@x.example")) == 1
    assert (await browser.post(api, json=body | {"email": "yan"})).status_code == 422
    assert (await browser.post(api, json=body | {"x": 1})).status_code == 400
    other = await a_meetup(cast, settings, published=True, by=cast.as_dov, **soon)
    api = f"/api/v1/meetups/{other.id}/invitations"
    assert (await browser.post(api, json=body)).status_code == 404
    api = f"/api/v1/meetups/{draft.id}/invitations"
    assert (await browser.post(api, json=body)).status_code == 409


async def test_the_team_may_invite_in_its_own_name(cast, settings):
    soon = {
        "starts_at": world.NOW + timedelta(days=400),
        "ends_at": world.NOW + timedelta(days=400, hours=3),
    }
    meetup = await a_meetup(cast, settings, published=True, **soon)
    await invitations.invite(
        meetup,
        name="Zoé",
        email="zoe@x.example",
        her=None,
        workspace=cast.orbelune,
        settings=settings,
        by=cast.as_ana,
        now=cast.now,
    )
    (letter,) = await world.letters_to("zoe@x.example")
    assert "via=" not in letter["body_text"]


# The team's pages, the API, the walls


async def test_the_list_is_searched_filtered_and_paged(ana, cast, monkeypatch):
    assert f'href="{HOME}/new"' in (await ana.get(HOME)).text
    await an_ambassador(cast, name="Bilal Éluard")
    await an_ambassador(cast, "c@x.example", "Chloé")
    elsewhere = await an_ambassador(
        cast, "dov@ailleurs.example", "Dovina", by=cast.as_dov, look=cast.elsewhere
    )
    text = (await ana.get(HOME)).text
    assert "Bilal Éluard" in text
    assert "Chloé" in text
    assert "Dovina" not in text
    found = (await ana.get(f"{HOME}?q=eluard&stage=active&credit=first")).text
    assert "Bilal Éluard" in found
    assert "Chloé" not in found
    assert "Bilal Éluard" not in (await ana.get(f"{HOME}?stage=applied")).text
    monkeypatch.setattr("events.pages.mandates.PAGE", 1)
    first = (await ana.get(HOME)).text
    following = re.search(r'href="([^"]+after=[^"]+)"', first)[1].replace("&amp;", "&")
    assert "Bilal Éluard" in (await ana.get(following)).text
    assert (await ana.get(f"{HOME}?after=x")).status_code == 404
    sheet = (await ana.get(f"{HOME}.csv?stage=active")).text
    assert "Bilal Éluard" in sheet
    assert "Dovina" not in sheet
    assert "Dovina" not in (await ana.get(f"{HOME}/missions.csv")).text
    for path in (f"{HOME}/{elsewhere.id}", f"{HOME}/{elsewhere.id}/hours.csv"):
        assert (await ana.get(path)).status_code == 404
    for act in (
        "accept",
        "decline",
        "change",
        "rest",
        "end",
        "missions",
        f"missions/{elsewhere.id}/thank",
        f"missions/{elsewhere.id}/drop",
    ):
        assert (
            await ana.post(f"{HOME}/{elsewhere.id}/{act}", data={})
        ).status_code == 404, act


async def test_every_page_is_there_in_both_languages_for_the_team_and_nobody_else(
    app, ana, cast
):
    her = await an_ambassador(cast)
    pages = [HOME, f"{HOME}/new", f"{HOME}/{her.id}", f"{HOME}/{her.id}?credit=first"]
    for path in pages:
        for lang in ("fr", "en"):
            mark = "&" if "?" in path else "?"
            answer = await ana.get(f"{path}{mark}lang={lang}")
            assert (answer.status_code, f'<html lang="{lang}"' in answer.text) == (
                200,
                True,
            ), path
    for stranger in (cast.dov, cast.bilal):
        async with world.browsing(app, stranger) as browser:
            for path in pages:
                assert (await browser.get(path)).status_code == 404
            assert (await browser.post(f"{HOME}/{her.id}/end", data={})).status_code == 404
    async with world.browsing(app, cast.dov) as dov:
        assert (await dov.get(OWN)).status_code == 404
    async with world.browsing(app, cast.bilal) as bilal:
        assert '<html lang="en"' in (await bilal.get(f"{OWN}?lang=en")).text


async def test_a_ranking_is_there_only_when_it_was_turned_on(app, ana, cast):
    her = await an_ambassador(cast)
    async with world.browsing(app, cast.bilal) as bilal:
        for path, browser in ((HOME, ana), (OWN, bilal)):
            assert 'id="ranking"' not in (await browser.get(path)).text
        await sql(
            "UPDATE workspace SET ranks_ambassadors = true WHERE id = $1", cast.orbelune.id
        )
        for path, browser in ((HOME, ana), (OWN, bilal)):
            text = (await browser.get(path)).text
            assert her.name in text.partition('id="ranking"')[2]


async def test_pages_ask_a_constant_number_of_questions(app, ana, cast):
    her = await an_ambassador(cast)

    async def asked(browser, path):
        async with world.counting_queries() as queries:
            assert (await browser.get(path)).status_code == 200
        ours = [
            one
            for one in queries
            if re.match(r"\s*(SELECT|WITH)", one)
            and not re.search("set_config|FROM session|FROM membership", one)
        ]
        return len(ours)

    async with world.browsing(app, cast.bilal) as bilal:
        pages = [(ana, HOME), (ana, f"{HOME}/{her.id}"), (ana, f"{HOME}.csv"), (bilal, OWN)]
        few = [await asked(*one) for one in pages]
        for number in range(3):
            other = await an_ambassador(cast, f"p{number}@x.example", f"P{number}")
            for one in (her, other):
                await missions.ask(
                    one.id,
                    kind=Kind.HOST,
                    title="T",
                    workspace=cast.orbelune,
                    origin=world.ORIGIN,
                    by=cast.as_ana,
                    now=cast.now,
                )
                await stints.log(
                    one.id,
                    worked_on=TODAY,
                    minutes=5,
                    today=TODAY,
                    by=cast.as_ana,
                    now=cast.now,
                )
        assert [await asked(*one) for one in pages] == few
    assert max(few) <= 8, few


async def test_a_program_does_what_a_page_does(app, browser, cast, settings):
    browser.headers.update(await bearer(app, cast))
    api = "/api/v1/ambassadors"
    community = await a_community(cast)
    soon = {
        "starts_at": world.NOW + timedelta(days=400),
        "ends_at": world.NOW + timedelta(days=400, hours=3),
    }
    meetup = await a_meetup(cast, settings, published=True, **soon)
    elsewhere = await an_ambassador(
        cast, "d@ailleurs.example", "Dovina", by=cast.as_dov, look=cast.elsewhere
    )
    made = await browser.post(
        api, json={"email": "zoe@x.example", "name": "Zoé", "community_id": str(community)}
    )
    assert made.status_code == 201
    one = f"{api}/{made.json()['id']}"
    term = {"starts_on": str(TODAY), "ends_on": str(YEAR), "area": "Lyon"}

    async def does(path, body, status=200):
        answer = await browser.post(path, json=body)
        assert answer.status_code == status, (path, answer.text)
        return answer.json()

    await does(f"{one}/accept", term)
    await does(f"{one}/accept", term, 409)
    await does(f"{one}/change", {"ends_on": str(YEAR), "area": "Brest"})
    mission = (await does(f"{one}/missions", {"kind": "test", "title": "Essayer"}, 201))[
        "id"
    ]
    await does(f"/api/v1/missions/{mission}/proof", {}, 422)
    picture = f"/api/v1/missions/{mission}/picture"
    await does(f"/api/v1/missions/{mission}/proof", {"count": 3})
    assert (await browser.get(picture)).status_code == 404
    for wrong in ("pas du base64", base64.b64encode(b"no picture").decode()):
        await does(f"/api/v1/missions/{mission}/proof", {"picture": wrong}, 422)
    photo = base64.b64encode(a_photo()).decode()
    await does(f"/api/v1/missions/{mission}/proof", {"picture": photo})
    assert (await browser.get(picture)).headers["content-type"] == "image/jpeg"
    assert (
        await browser.get(f"/api/v1/missions/{elsewhere.id}/picture")
    ).status_code == 404
    await does(f"/api/v1/missions/{mission}/thank", {"thanks": "Merci"})
    await does(f"/api/v1/missions/{mission}/drop", {}, 409)
    stint = (await does(f"{one}/hours", {"worked_on": str(TODAY), "minutes": 60}, 201))[
        "id"
    ]
    assert [
        line["minutes"] for line in (await browser.get(f"{one}/hours")).json()["items"]
    ] == [60]
    await does(
        f"{one}/invitations",
        {"meetup": meetup.slug, "name": "Yan", "email": "yan@x.example"},
        202,
    )
    assert len(await world.letters_to("yan@x.example")) == 1
    detail = (await browser.get(one)).json()
    assert (detail["mandate"]["area"], detail["minutes"], detail["funnel"][0]["value"]) == (
        "Brest",
        60,
        1,
    )
    assert detail["funnel"][-1]["value"] is None
    await does(f"{one}/hours/{stint}/remove", {})
    await does(f"{one}/rest", {"until": str(TODAY)})
    await does(f"{one}/end", {"reason": ""})
    again = (
        await does(
            api,
            {"email": "zoe@x.example", "name": "Zoé", "community_id": str(community)},
            201,
        )
    )["id"]
    await does(f"{api}/{again}/decline", {"reason": "Non"})
    page = (await browser.get(f"{api}?limit=1")).json()
    assert page["next"] == page["items"][0]["id"] == again
    rest = (await browser.get(f"{api}?limit=1&after={page['next']}")).json()
    assert [line["name"] for line in rest["items"]] == ["Zoé"]
    assert (await browser.get("/api/v1/missions?limit=1")).json()["items"][0][
        "title"
    ] == "Essayer"
    theirs = f"{api}/{elsewhere.id}"
    for path in (theirs, f"{theirs}/hours"):
        assert (await browser.get(path)).status_code == 404
    for path, body in (
        ("accept", term),
        ("decline", {}),
        ("change", {"ends_on": str(YEAR)}),
        ("rest", {}),
        ("end", {}),
        ("missions", {"kind": "test", "title": "x"}),
        ("hours", {"worked_on": str(TODAY), "minutes": 5}),
        (f"hours/{stint}/remove", {}),
        ("invitations", {"meetup": meetup.slug, "name": "a", "email": "a@x.example"}),
    ):
        await does(f"{theirs}/{path}", body, 404)
    for act, body in (("proof", {"text": "x"}), ("thank", {"thanks": "x"}), ("drop", {})):
        await does(f"/api/v1/missions/{elsewhere.id}/{act}", body, 404)


async def test_another_ambassadors_mission_is_not_hers_to_prove(app, cast):
    await an_ambassador(cast)
    other = await an_ambassador(cast, "c@x.example", "C")
    id_ = await missions.ask(
        other.id,
        kind=Kind.HOST,
        title="T",
        workspace=cast.orbelune,
        origin=world.ORIGIN,
        by=cast.as_ana,
        now=cast.now,
    )
    async with world.browsing(app, cast.bilal) as bilal:
        assert (
            await bilal.post(f"{OWN}/missions/{id_}/proof", data={"text": "moi"})
        ).status_code == 404
    async with scoped(cast.as_ana):
        with pytest.raises(NotFound):
            await missions.hers(id_, cast.ana)


async def test_a_proof_shows_something_and_counts_nothing_below_zero():
    for proof in (Proof(), Proof("x", count=-1), Proof(link="ftp://x.example")):
        with pytest.raises(Invalid):
            missions.check_proof(proof)


async def test_the_demo_has_somebody_in_term_and_somebody_who_waits(cast, settings):
    maker = Maker(settings, cast.orbelune, cast.as_ana)
    maker.community_id = await a_community(cast)
    await demo.add(maker, now=cast.now)
    async with scoped(cast.as_ana):
        found = await mandates.mandates(date(2026, 11, 5))
    assert {one.stage for one in found} == {Stage.ACTIVE, Stage.APPLIED}
