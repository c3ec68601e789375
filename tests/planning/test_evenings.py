"""An evening is prepared once: its steps, its tasks, who stands for the brand."""

import asyncio
import base64
import io
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from events.engagement import plans
from events.planning import copies, cues, hours, meetups, representatives, tasks
from events.planning.cues import Step
from events.planning.meetups import Meetup
from events.planning.reminders import Reminders
from events.planning.representatives import Face, NeedsRepresentative
from events.planning.tasks import Duty
from server import api_tokens, workspaces
from server.database import find, one, scoped, sql
from server.errors import Invalid, NotFound
from server.workspaces import Role
from tests import world
from tests.planning.evenings import a_community, a_meetup, registers, said

EVENING = datetime(2026, 12, 3, 18, 0, tzinfo=UTC)  # 19:00 in Paris
PARIS = "Europe/Paris"
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)


@pytest.fixture
async def ana(app, cast):
    async with world.browsing(app, cast.ana) as browser:
        yield browser


@pytest.fixture
async def moderator(app, cast):
    async with scoped(cast.as_ana):
        await workspaces.invite(
            "mo@orbelune.example",
            Role.MODERATOR,
            workspace=cast.orbelune,
            origin=world.ORIGIN,
            by=cast.as_ana,
            now=cast.now,
        )
        row = await one("SELECT id FROM account WHERE email = 'mo@orbelune.example'")
    async with world.browsing(app, row["id"]) as browser:
        yield browser


@pytest.fixture
async def machine(app, cast):
    """A program with an organiser's token."""
    token = await api_tokens.issue_token(
        "Planning",
        Role.MANAGER,
        ["read", "write"],
        account_id=cast.ana,
        by=cast.as_ana,
        now=cast.now,
    )
    async with world.browser_of(app, authorization=f"Bearer {token}") as browser:
        yield browser


def at(meetup):
    return f"/w/orbelune/meetups/{meetup.slug}/evening"


def face_picture():
    out = io.BytesIO()
    Image.new("RGB", (40, 40), "#b84a2b").save(out, "PNG")
    return out.getvalue()


async def of(meetup, what, cast):
    async with scoped(cast.as_ana):
        return await what.of_meetup(meetup.id)


# Rules


@pytest.mark.parametrize(
    ("clock", "minute"),
    [("19:00", 0), ("18:00", -60), ("22:30", 210), ("01:00", 360), ("07:00", 720)],
)
def test_an_hour_is_the_one_nearest_to_the_beginning(clock, minute):
    assert cues.minute_of(time.fromisoformat(clock), EVENING, PARIS) == minute


def test_an_hour_that_clocks_skip_is_no_step():
    before = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)  # the night the clocks go forward
    with pytest.raises(Invalid) as no:
        cues.minute_of(time(2, 30), before, PARIS)
    assert "at" in no.value.fields
    assert cues.minute_of(time(4, 0), before, PARIS) == 360


@given(
    st.integers(16_500_000, 94_000_000).map(
        lambda minutes: datetime.fromtimestamp(minutes * 60, UTC)
    ),
    st.times().map(lambda clock: clock.replace(second=0, microsecond=0)),
    st.sampled_from([PARIS, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_clocks_show_at_a_step_the_hour_that_was_typed(starts_at, clock, time_zone):
    try:
        minute = cues.minute_of(clock, starts_at, time_zone)
    except Invalid:
        return
    shown = cues.moment_of(minute, starts_at).astimezone(ZoneInfo(time_zone))
    assert abs(minute) <= cues.HALF_A_DAY
    assert shown.time() == clock


@pytest.mark.parametrize("minute", [cues.FIRST - 1, cues.LAST + 1])
def test_a_step_is_near_its_evening(minute):
    with pytest.raises(Invalid):
        cues.check_step(Step(minute=minute, title="Loin"))


@given(TEXT, TEXT)
def test_a_line_is_heard_as_it_is_spoken(name, role):
    name, role = name.replace(",", "").strip(), role.strip()
    if name:
        assert representatives.heard(representatives.spoken(name, role)) == (name, role)


@given(TEXT)
def test_whatever_names_somebody_keeps_a_name(text):
    name, _role = representatives.heard(text)
    assert bool(name) == bool(text.strip(" ,").strip()) or not text.strip()


def test_a_task_is_late_the_day_after():
    task = tasks.Line(
        id=uuid4(), title="x", due_on=date(2026, 12, 1), owner_name="", done_at=None
    )
    assert not tasks.is_late(task, date(2026, 12, 1))
    assert tasks.is_late(task, date(2026, 12, 2))


# Representatives


async def test_the_meetups_line_is_its_first_person(cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings, representative="Ana, organisatrice")
    (first,) = await of(meetup, representatives, cast)
    assert (first.name, first.role) == ("Ana", "organisatrice")
    second = await representatives.add(
        meetup.id, Face(name="Bilal", recognised_by="badge"), by=by, now=now
    )
    async with scoped(by):
        assert (await find(Meetup, meetup.id)).representative == "Ana, organisatrice"
    await representatives.put_first(meetup.id, second, by=by, now=now)
    async with scoped(by):
        after = await find(Meetup, meetup.id)
    assert (after.representative, after.sequence) == ("Bilal", meetup.sequence + 1)
    face = Face(name="Bilal", role="à la porte")
    await representatives.change(meetup.id, second, face, by=by, now=now)
    await representatives.remove(meetup.id, first.id, by=by, now=now)
    async with scoped(by):
        assert (await find(Meetup, meetup.id)).representative == "Bilal, à la porte"


async def test_a_public_meetup_never_loses_its_last_representative(cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings, published=True)
    (only,) = await of(meetup, representatives, cast)
    with pytest.raises(NeedsRepresentative):
        await representatives.remove(meetup.id, only.id, by=by, now=now)
    assert len(await of(meetup, representatives, cast)) == 1


async def test_two_who_take_the_last_two_people_off_leave_one(cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings, published=True)
    await representatives.add(meetup.id, Face(name="Bilal"), by=by, now=now)
    here = await of(meetup, representatives, cast)
    await representatives.remove(meetup.id, here[0].id, by=by, now=now)
    with pytest.raises(NeedsRepresentative):
        await representatives.remove(meetup.id, here[1].id, by=by, now=now)


async def test_a_draft_is_published_once_somebody_is_named(cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings, representative="")
    with pytest.raises(NeedsRepresentative):
        await plans.publish(meetup, by=by, now=now)
    await representatives.add(meetup.id, Face(name="Ana"), by=by, now=now)
    await plans.publish(meetup, by=by, now=now)


async def test_at_most_twenty_stand_for_a_brand(cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings)
    for n in range(representatives.MOST - 1):
        await representatives.add(meetup.id, Face(name=f"P{n}"), by=by, now=now)
    with pytest.raises(representatives.TooMany):
        await representatives.add(meetup.id, Face(name="Trop"), by=by, now=now)


async def test_the_form_of_a_meetup_renames_and_takes_off_the_first(cast, settings):
    meetup = await a_meetup(cast, settings, representative="Ana")
    by = cast.as_ana
    async with scoped(by):
        await representatives.name_first(meetup.id, "Bilal, à la porte", by=by)
        (here,) = await representatives.of_meetup(meetup.id)
        assert (here.name, here.role) == ("Bilal", "à la porte")
        await representatives.name_first(meetup.id, "", by=by)
        assert await representatives.of_meetup(meetup.id) == []
        await representatives.name_first(meetup.id, "", by=by)


# What is settled, and what is another's


async def test_what_is_settled_is_prepared_no_more(cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings)
    await meetups.cancel(meetup, "", by=by, now=now)
    for act in (
        cues.add(meetup.id, Step(minute=0, title="x"), by=by, now=now),
        tasks.add(meetup.id, Duty(title="x"), by=by, now=now),
        representatives.add(meetup.id, Face(name="x"), by=by, now=now),
    ):
        with pytest.raises(representatives.MeetupSettled):
            await act


async def test_another_workspaces_evening_does_not_exist(cast, settings):
    by, now = cast.as_ana, cast.now
    theirs = await a_meetup(cast, settings, by=cast.as_dov)
    mine = await a_meetup(cast, settings, title="La mienne")
    step, duty, face = Step(minute=0, title="x"), Duty(title="x"), Face(name="x")
    cue = await cues.add(theirs.id, step, by=cast.as_dov, now=now)
    task = await tasks.add(theirs.id, duty, by=cast.as_dov, now=now)
    for meetup in (theirs, mine):
        for act in (
            cues.change(meetup.id, cue, step, by=by, now=now),
            cues.remove(meetup.id, cue, by=by, now=now),
            tasks.change(meetup.id, task, duty, by=by, now=now),
            tasks.finish(meetup.id, task, by=by, now=now),
            representatives.change(meetup.id, uuid4(), face, by=by, now=now),
            representatives.put_first(meetup.id, uuid4(), by=by, now=now),
            representatives.remove(meetup.id, uuid4(), by=by, now=now),
        ):
            with pytest.raises(NotFound):
                await act
    with pytest.raises(NotFound):
        await cues.add(theirs.id, step, by=by, now=now)
    with pytest.raises(NotFound):  # a picture that is not ours
        lent = Face(name="x", picture_id=uuid4())
        await representatives.add(mine.id, lent, by=by, now=now)


async def test_there_is_an_end_to_steps_and_tasks(cast, settings, monkeypatch):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings)
    monkeypatch.setattr(cues, "MOST", 1)
    monkeypatch.setattr(tasks, "MOST", 1)
    await cues.add(meetup.id, Step(minute=0, title="x"), by=by, now=now)
    await tasks.add(meetup.id, Duty(title="x"), by=by, now=now)
    with pytest.raises(cues.TooMany):
        await cues.add(meetup.id, Step(minute=0, title="x"), by=by, now=now)
    with pytest.raises(tasks.TooMany):
        await tasks.add(meetup.id, Duty(title="x"), by=by, now=now)


async def test_words_are_needed(cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings)
    for act in (
        cues.add(meetup.id, Step(minute=0, title=""), by=by, now=now),
        tasks.add(meetup.id, Duty(title=""), by=by, now=now),
        representatives.add(meetup.id, Face(name=""), by=by, now=now),
    ):
        with pytest.raises(Invalid):
            await act


# Tasks and their letters


async def test_a_task_is_for_somebody_of_the_team(cast, settings):
    meetup = await a_meetup(cast, settings)
    for stranger in (cast.dov, cast.bilal, uuid4()):  # Bilal holds the door
        duty = Duty(title="Imprimer", owner_id=stranger)
        with pytest.raises(Invalid):
            await tasks.add(meetup.id, duty, by=cast.as_ana, now=cast.now)


async def test_whoever_owns_a_task_is_reminded_once(app, cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings)
    theirs = await a_meetup(cast, settings, by=cast.as_dov)
    today = now.date()
    wanted = {
        "Demain": (cast.ana, today + timedelta(days=1)),
        "En retard": (cast.ana, today - timedelta(days=3)),
        "Plus tard": (cast.ana, today + timedelta(days=2)),
        "À personne": (None, today),
        "Sans date": (cast.ana, None),
        "Faite": (cast.ana, today),
        "Retirée": (cast.ana, today),
    }
    made = {}
    for title, (owner, due) in wanted.items():
        duty = Duty(title=title, owner_id=owner, due_on=due)
        made[title] = await tasks.add(meetup.id, duty, by=by, now=now)
    await tasks.finish(meetup.id, made["Faite"], by=by, now=now)
    await tasks.remove(meetup.id, made["Retirée"], by=by, now=now)
    theirs_duty = Duty(title="La leur", owner_id=cast.dov, due_on=today)
    await tasks.add(theirs.id, theirs_duty, by=cast.as_dov, now=now)
    morning = Reminders(settings)
    await morning.remind_of_tasks(now)
    await morning.remind_of_tasks(now + timedelta(hours=1))
    letters = [x for x in await world.letters_to("ana@orbelune.example")
               if x["kind"] == "task_reminder"]  # fmt: skip
    assert len(letters) == 1
    text = letters[0]["body_text"]
    assert "Demain" in text
    assert "En retard" in text
    for other in ("Plus tard", "À personne", "Sans date", "Faite", "Retirée", "La leur"):
        assert other not in text
    assert letters[0]["subject"].replace("\xa0", " ") == "2 tâches vous attendent"
    (dovs,) = [x for x in await world.letters_to("dov@ailleurs.example")
               if x["kind"] == "task_reminder"]  # fmt: skip
    assert "La leur" in dovs["body_text"]


async def test_another_day_is_reminded_anew_and_a_settled_meetup_never(cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings)
    duty = Duty(title="Imprimer", owner_id=cast.ana, due_on=now.date())
    id_ = await tasks.add(meetup.id, duty, by=by, now=now)

    async def written(later):
        return await tasks.remind(
            cast.orbelune, origin=world.ORIGIN, by=by, now=now + timedelta(hours=later)
        )

    assert [await written(0), await written(1)] == [1, 0]
    again = Duty(title="Imprimer", owner_id=cast.ana, due_on=now.date() - timedelta(1))
    await tasks.change(meetup.id, id_, again, by=by, now=now)
    assert await written(2) == 1
    await tasks.change(meetup.id, id_, duty, by=by, now=now)
    await meetups.cancel(meetup, "", by=by, now=now)
    assert await written(3) == 0


async def test_an_archived_workspace_reminds_nobody(cast, settings):
    meetup = await a_meetup(cast, settings)
    duty = Duty(title="Imprimer", owner_id=cast.ana, due_on=cast.now.date())
    await tasks.add(meetup.id, duty, by=cast.as_ana, now=cast.now)
    await sql(
        "UPDATE workspace SET archived_at = $2 WHERE id = $1", cast.orbelune.id, cast.now
    )
    await Reminders(settings).remind_of_tasks(cast.now)
    async with scoped(cast.as_ana):
        rows = await sql("SELECT 1 FROM letter WHERE kind = 'task_reminder'")
    assert rows == []


# Duplicates


async def test_a_duplicate_brings_what_was_prepared_along(cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings)
    due = hours.wall(meetup.starts_at, PARIS)[0] - timedelta(days=2)
    await cues.add(meetup.id, Step(minute=-60, title="Tables"), by=by, now=now)
    duty = Duty(title="Imprimer", owner_id=cast.ana, due_on=due)
    done = await tasks.add(meetup.id, duty, by=by, now=now)
    await tasks.finish(meetup.id, done, by=by, now=now)
    await tasks.add(meetup.id, Duty(title="Saluer"), by=by, now=now)
    await representatives.add(meetup.id, Face(name="Bilal"), by=by, now=now)
    again = await copies.repeat(meetup, 7, key_id=1, by=by, now=now)
    assert [one.title for one in await of(again, cues, cast)] == ["Tables"]
    copied = {one.title: one for one in await of(again, tasks, cast)}
    assert copied["Imprimer"].due_on == due + timedelta(days=7)
    assert (copied["Imprimer"].owner_id, copied["Imprimer"].done_at) == (cast.ana, None)
    assert copied["Saluer"].due_on is None
    names = [one.name for one in await of(again, representatives, cast)]
    assert names == ["Ana", "Bilal"]
    assert len(await of(meetup, representatives, cast)) == 2


# Pages


async def test_an_evening_is_prepared_on_its_page(ana, cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    here = at(meetup)
    empty = await ana.get(here)
    assert "Rien encore" in empty.text
    step = {"at": "18:00", "title": "Tables", "owner": "Ana", "public": "yes"}
    assert (await ana.post(f"{here}/cues", data=step)).status_code == 303
    task = {"title": "Imprimer", "owner": str(cast.ana), "due_on": "2026-11-04"}
    assert said(await ana.post(f"{here}/tasks", data=task)) == "La tâche est enregistrée."
    files = {"picture": ("moi.png", face_picture(), "image/png")}
    face = {"name": "Bilal", "role": "à la porte", "recognised_by": "badge"}
    answer = await ana.post(f"{here}/people", data=face, files=files)
    assert answer.status_code == 303, answer.text
    page = (await ana.get(here)).text
    for words in ("Tables", "Imprimer", "Bilal", "badge", "En retard", "/pictures/"):
        assert words in page
    french = {"accept-language": "fr"}
    public = (await ana.get(f"/m/orbelune/{meetup.slug}", headers=french)).text
    assert "Tables" in public
    assert "À reconnaître par\xa0: badge" in public
    assert "Imprimer" not in public
    home = (await ana.get("/w/orbelune")).text
    assert "Mes tâches" in home
    assert "Imprimer" in home


async def test_each_part_of_an_evening_is_changed_and_taken_out(ana, cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings)
    here = at(meetup)
    cue = await cues.add(meetup.id, Step(minute=0, title="x"), by=by, now=now)
    task = await tasks.add(meetup.id, Duty(title="x"), by=by, now=now)
    face = await representatives.add(meetup.id, Face(name="x"), by=by, now=now)
    await ana.post(f"{here}/cues/{cue}", data={"at": "20:00", "title": "Après"})
    await ana.post(f"{here}/tasks/{task}", data={"title": "Autre"})
    await ana.post(f"{here}/people/{face}", data={"name": "Bilal"})
    await ana.post(f"{here}/tasks/{task}/done")
    await ana.post(f"{here}/people/{face}/first")
    async with scoped(by):
        assert (await cues.of_meetup(meetup.id))[0].title == "Après"
        (mine,) = await tasks.of_meetup(meetup.id)
        assert (mine.title, mine.done_at is None) == ("Autre", False)
        assert (await representatives.of_meetup(meetup.id))[0].name == "Bilal"
    assert "Faite" in (await ana.get(here)).text or "Fait" in (await ana.get(here)).text
    await ana.post(f"{here}/tasks/{task}/reopen")
    assert (await of(meetup, tasks, cast))[0].done_at is None
    for what in (f"cues/{cue}/remove", f"tasks/{task}/remove", f"people/{face}/remove"):
        assert (await ana.post(f"{here}/{what}")).status_code == 303
        assert (await ana.post(f"{here}/{what}")).status_code == 404
    assert (await ana.post(f"{here}/tasks/{task}/burn")).status_code == 404
    assert (await ana.post(f"{here}/people/{face}/burn")).status_code == 404


@pytest.mark.parametrize(
    ("form", "answers", "kept"),
    [
        ("cues", {"at": "25:00", "title": "Trop tard"}, "Trop tard"),
        ("cues", {"at": "", "title": "Sans heure"}, "Sans heure"),
        ("cues", {"at": "19:00", "title": "", "owner": "Qui"}, "Qui"),
        ("tasks", {"title": "", "due_on": "2026-12-01"}, "2026-12-01"),
        ("tasks", {"title": "À qui", "owner": str(uuid4())}, "À qui"),
        ("tasks", {"title": "Quand", "due_on": "demain"}, "Quand"),
        ("people", {"name": "", "role": "À la porte"}, "À la porte"),
    ],
)
async def test_a_wrong_answer_keeps_the_rest(ana, cast, settings, form, answers, kept):
    meetup = await a_meetup(cast, settings)
    answer = await ana.post(f"{at(meetup)}/{form}", data=answers)
    assert answer.status_code == 422
    assert kept in answer.text
    assert 'aria-invalid="true"' in answer.text


async def test_open_tasks_move_with_their_meetup(ana, cast, settings):
    by, now = cast.as_ana, cast.now
    starts_at = datetime(2030, 3, 7, 18, tzinfo=UTC)
    when = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=3)}
    meetup = await a_meetup(cast, settings, published=True, **when)
    day = starts_at.date()
    open_, done, undated = [
        await tasks.add(meetup.id, Duty(title=title, due_on=due_on), by=by, now=now)
        for title, due_on in (("A", day), ("B", day), ("C", None))
    ]
    await tasks.finish(meetup.id, done, by=by, now=now)

    async def due():
        lines = {one_.id: one_.due_on for one_ in await of(meetup, tasks, cast)}
        return [lines[id_] for id_ in (open_, done, undated)]

    here = f"/w/orbelune/meetups/{meetup.slug}"
    later = day + timedelta(days=7)
    hours_ = {"starts": "19:00", "ends": "22:00"}
    answer = await ana.post(
        f"{here}/postpone", data={"until": "date", "day": later.isoformat(), **hours_}
    )
    assert "L’échéance de 1 tâche se décale d’autant de jours." in said(answer)
    assert await due() == [later, day, None]
    answer = await ana.post(f"{here}/postpone", data={"until": "later"})
    assert "tâche" not in said(answer)
    assert await due() == [later, day, None]
    form = {"title": "x", "capacity": "20", "representative": "Ana", **hours_}
    answer = await ana.post(f"{here}/edit", data=form | {"day": day.isoformat()})
    assert "L’échéance de 1 tâche" in said(answer)
    assert await due() == [day, day, None]
    answer = await ana.post(
        f"{here}/edit", data=form | {"day": day.isoformat(), "starts": "20:00"}
    )
    assert "tâche" not in said(answer)
    assert await due() == [day, day, None]


async def test_what_is_no_picture_is_refused_in_its_form(ana, cast, settings):
    meetup = await a_meetup(cast, settings)
    files = {"picture": ("moi.png", b"nothing", "image/png")}
    answer = await ana.post(f"{at(meetup)}/people", data={"name": "Bilal"}, files=files)
    assert answer.status_code == 422
    assert 'value="Bilal"' in answer.text


async def test_a_refusal_is_said_on_the_page(ana, cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    (only,) = await of(meetup, representatives, cast)
    answer = await ana.post(f"{at(meetup)}/people/{only.id}/remove")
    assert answer.status_code == 303
    assert "représente la marque" in said(answer)


async def test_the_team_reads_and_organisers_write(moderator, app, cast, settings):
    meetup = await a_meetup(cast, settings)
    here = at(meetup)
    page = await moderator.get(here)
    assert page.status_code == 200
    assert "<form" not in page.text.split("<main", 1)[1].split("</main", 1)[0]
    step = {"at": "18:00", "title": "Tables"}
    assert (await moderator.post(f"{here}/cues", data=step)).status_code in {403, 404}
    async with world.browsing(app, cast.dov) as dov:
        for path in (here, f"{here}/steps.csv", f"{here}/tasks.csv"):
            assert (await dov.get(path)).status_code == 404
        assert (await dov.post(f"{here}/cues", data=step)).status_code == 404


async def test_an_evening_is_taken_out_as_files(ana, cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings)
    theirs = await a_meetup(cast, settings, by=cast.as_dov, title="La leur")
    for meetup_, who in ((meetup, by), (theirs, cast.as_dov)):
        name = "=cmd()" if who is by else "La leur"
        await cues.add(meetup_.id, Step(minute=-60, title=name), by=who, now=now)
        await tasks.add(meetup_.id, Duty(title=name), by=who, now=now)
    steps = (await ana.get(f"{at(meetup)}/steps.csv")).text
    duties = (await ana.get(f"{at(meetup)}/tasks.csv")).text
    assert "17:00,'=cmd()" in steps
    assert "'=cmd()" in duties
    assert "La leur" not in steps + duties
    for name in ("steps", "tasks"):
        gone = f"/w/orbelune/meetups/{theirs.slug}x/evening/{name}.csv"
        assert (await ana.get(gone)).status_code == 404


async def test_the_team_previews_a_draft_that_nobody_else_sees(
    ana, browser, cast, settings
):
    meetup = await a_meetup(cast, settings, description="Une soirée douce.")
    page = await ana.get(f"/w/orbelune/meetups/{meetup.slug}/preview")
    assert page.status_code == 200
    assert "Une soirée douce." in page.text
    assert "Seule l’équipe voit cet aperçu" in page.text
    assert " inert>" in page.text
    assert 'class="thumb"' not in page.text
    assert (await ana.get(f"/m/orbelune/{meetup.slug}")).status_code == 404
    stranger = await browser.get(f"/w/orbelune/meetups/{meetup.slug}/preview")
    assert stranger.status_code in {303, 401, 404}


async def test_an_evening_asks_the_same_queries_however_full(ana, cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings)
    counts = []
    for _ in range(2):
        async with world.counting_queries() as asked:
            await ana.get(at(meetup))
        counts.append(len([q for q in asked if "set_config" not in q
                           and "SAVEPOINT" not in q]))  # fmt: skip
        for n in range(10):
            await cues.add(meetup.id, Step(minute=n, title="x"), by=by, now=now)
            await tasks.add(meetup.id, Duty(title="x"), by=by, now=now)
    assert counts[0] == counts[1]
    assert counts[0] <= 8, asked


async def pictures_of(cast):
    async with scoped(cast.as_ana):
        return (await sql("SELECT count(*) AS n FROM picture"))[0]["n"]


async def test_a_face_that_is_refused_leaves_no_picture(ana, machine, cast, settings):
    meetup = await a_meetup(cast, settings)
    by, now = cast.as_ana, cast.now
    for n in range(representatives.MOST - 2):
        await representatives.add(meetup.id, Face(name=f"P{n}"), by=by, now=now)
    here = at(meetup)
    files = {"picture": ("moi.png", face_picture(), "image/png")}
    answer = await ana.post(f"{here}/people", data={"name": "Oui"}, files=files)
    assert answer.status_code == 303
    refused = await ana.post(f"{here}/people", data={"name": "Trop"}, files=files)
    assert "Vingt" in said(refused)
    nobody = await ana.post(f"{here}/people/{uuid4()}", data={"name": "x"}, files=files)
    assert nobody.status_code == 404
    sent = {"name": "x", "picture": base64.b64encode(face_picture()).decode()}
    path = f"/api/v1/meetups/{meetup.id}/representatives"
    assert (await machine.post(path, json=sent)).status_code == 409
    assert await pictures_of(cast) == 1


# API


async def test_a_machine_sends_a_face(machine, ana, cast, settings):
    meetup = await a_meetup(cast, settings)
    path = f"/api/v1/meetups/{meetup.id}/representatives"
    body = {"name": "Bilal", "picture": base64.b64encode(face_picture()).decode()}
    made = (await machine.post(path, json=body)).json()["items"][-1]
    served = await ana.get(f"/w/orbelune/pictures/{made['picture_id']}")
    assert served.headers["content-type"] == "image/jpeg"
    one_ = f"{path}/{made['id']}"
    kept = (await machine.put(one_, json={"name": "Bilal"})).json()["items"][-1]
    assert kept["picture_id"] == made["picture_id"]
    other = (await machine.put(one_, json=body)).json()["items"][-1]
    assert other["picture_id"] != made["picture_id"]
    for wrong in ("pas du base64", "AAAA", f"data:image/png;base64,{body['picture']}"):
        answer = await machine.post(path, json=body | {"picture": wrong})
        assert answer.status_code == 422
        assert "picture" in answer.text
    large = await machine.post(path, json=body | {"picture": "A" * (14 * 1024 * 1024)})
    assert large.status_code in {413, 422}
    async with world.browsing(machine._transport.app, cast.dov) as dov:
        theirs = await dov.get(f"/w/ailleurs/pictures/{made['picture_id']}")
        assert theirs.status_code == 404


async def test_a_machine_prepares_an_evening(machine, cast, settings):
    meetup = await a_meetup(cast, settings)
    here = f"/api/v1/meetups/{meetup.id}"
    step = {"minute": -30, "title": "Tables", "is_public": True}
    (made,) = (await machine.post(f"{here}/cues", json=step)).json()["items"]
    assert (made["minute"], made["title"], made["is_public"]) == (-30, "Tables", True)
    cue = f"{here}/cues/{made['id']}"
    changed = await machine.put(cue, json={"minute": 0, "title": "Portes"})
    assert changed.json()["items"][0]["title"] == "Portes"
    assert len((await machine.get(f"{here}/cues")).json()["items"]) == 1
    assert (await machine.delete(cue)).json()["items"] == []
    task = {"title": "Imprimer", "owner_id": str(cast.ana), "due_on": "2026-12-01"}
    (made,) = (await machine.post(f"{here}/tasks", json=task)).json()["items"]
    assert (made["owner_name"], made["due_on"]) == ("Ana", "2026-12-01")
    one_task = f"{here}/tasks/{made['id']}"
    for is_done in (True, False):
        answer = await machine.put(one_task, json=task | {"is_done": is_done})
        assert (answer.json()["items"][0]["done_at"] is not None) is is_done
    await machine.put(one_task, json=task)
    assert len((await machine.get(f"{here}/tasks")).json()["items"]) == 1
    assert (await machine.delete(one_task)).json()["items"] == []
    face = {"name": "Bilal", "role": "à la porte"}
    people = (await machine.post(f"{here}/representatives", json=face)).json()["items"]
    assert [one_["name"] for one_ in people] == ["Ana", "Bilal"]
    who = f"{here}/representatives/{people[1]['id']}"
    await machine.put(who, json=face | {"recognised_by": "badge"})
    first = (await machine.post(f"{who}/first")).json()["items"][0]
    assert (first["name"], first["recognised_by"]) == ("Bilal", "badge")
    assert len((await machine.get(f"{here}/representatives")).json()["items"]) == 2
    assert len((await machine.delete(who)).json()["items"]) == 1
    wrong = await machine.post(f"{here}/cues", json={"minute": 0, "title": " "})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["title"])


async def test_a_machine_sees_no_evening_of_another_workspace(machine, cast, settings):
    theirs = await a_meetup(cast, settings, by=cast.as_dov)
    here = f"/api/v1/meetups/{theirs.id}"
    for part in ("cues", "tasks", "representatives"):
        assert (await machine.get(f"{here}/{part}")).status_code == 404
        gone = await machine.delete(f"{here}/{part}/{uuid4()}")
        assert gone.status_code == 404
    body = {"minute": 0, "title": "x"}
    assert (await machine.post(f"{here}/cues", json=body)).status_code == 404


# Two at once


@pytest.mark.committed
async def test_of_two_who_save_at_once_one_is_told(cast, settings):
    by, now = cast.as_ana, cast.now
    meetup = await a_meetup(cast, settings, community=await a_community(cast))

    async def save(title):
        wanted = meetups.Plan(
            title=title,
            community_id=meetup.community_id,
            starts_at=meetup.starts_at,
            ends_at=meetup.ends_at,
            time_zone=meetup.time_zone,
            capacity=12,
            representative="Ana",
        )
        await meetups.change(meetup, wanted, sequence=meetup.sequence, by=by, now=now)
        return title

    done = await asyncio.gather(*(save(f"T{n}") for n in range(6)), return_exceptions=True)
    (kept,) = [one_ for one_ in done if isinstance(one_, str)]
    refused = [one_ for one_ in done if isinstance(one_, meetups.ChangedMeanwhile)]
    assert len(refused) == 5, done
    async with scoped(by):
        assert (await find(Meetup, meetup.id)).title == kept


async def test_a_stale_form_is_refused_and_nothing_is_lost(ana, cast, settings):
    meetup = await a_meetup(cast, settings, representative="Ana")
    form = f"/w/orbelune/meetups/{meetup.slug}/edit"
    mine = {
        "title": "Mon titre",
        "day": "2026-11-19",
        "starts": "18:00",
        "ends": "21:00",
        "capacity": "12",
        "representative": "Ana",
        "sequence": str(meetup.sequence),
        "places": "12",
    }
    theirs = mine | {"title": "Le leur", "description": "Écrit entre-temps."}
    assert (await ana.post(form, data=theirs)).status_code == 303
    refused = await ana.post(form, data=mine | {"description": ""})
    assert refused.status_code == 409
    assert 'value="Mon titre"' in refused.text
    assert "Le leur" in refused.text
    assert "Écrit entre-temps." in refused.text
    async with scoped(cast.as_ana):
        kept = await find(Meetup, meetup.id)
    assert kept.title == "Le leur"
    again = mine | {"sequence": str(kept.sequence)}
    assert (await ana.post(form, data=again)).status_code == 303
    async with scoped(cast.as_ana):
        assert (await find(Meetup, meetup.id)).title == "Mon titre"


async def test_a_capacity_changed_meanwhile_stays(ana, cast, settings):
    meetup = await a_meetup(cast, settings)
    await registers(cast, settings, await a_meetup(cast, settings, title="x", published=True),
                    "chloe@example.org")  # fmt: skip
    await meetups.resize(meetup, 40, by=cast.as_ana, now=cast.now)
    mine = {
        "title": "Mon titre",
        "day": "2026-11-19",
        "starts": "18:00",
        "ends": "21:00",
        "capacity": "12",
        "places": "12",
        "representative": "Ana",
        "sequence": str(meetup.sequence),
    }
    form = f"/w/orbelune/meetups/{meetup.slug}/edit"
    assert (await ana.post(form, data=mine)).status_code == 303
    async with scoped(cast.as_ana):
        assert (await meetups.room(meetup.id)).capacity == 40
