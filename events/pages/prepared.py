"""What the page of an evening shows, and how each of its small forms is answered."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.datastructures import UploadFile

from events.pages.meetups import stage_of
from events.planning import cues, hours, meetups, representatives, tasks
from events.planning.cues import Step
from events.planning.meetups import Meetup, Stage
from events.planning.representatives import Face
from events.planning.tasks import Duty
from server import pictures, workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid
from server.forms import Form, Line, Prose, Tick, read
from server.i18n import Lazy, zone
from server.i18n import hour as hour_of
from server.pictures import Fresh, Kind
from server.web import Asking, away, page, typed
from server.workspaces import ORGANISERS, TEAM, Seat

SETTLED = frozenset({Stage.CLOSED, Stage.CANCELLED})

Act = Callable[[Meetup], Awaitable[None]]


class CueForm(Form, kw_only=True):
    at: Line
    title: Line
    owner: Line | None = None
    note: Prose | None = None
    public: Tick = Tick(0)


class FaceForm(Form, kw_only=True):
    name: Line
    role: Line | None = None
    recognised_by: Line | None = None


class TaskForm(Form, kw_only=True):
    title: Line
    owner: UUID | None = None
    due_on: date | None = None


@dataclass(frozen=True)
class Desk:
    """Who prepares which evening, and what of it was refused."""

    asking: Asking
    by: Actor
    now: datetime
    seat: Seat
    slug: str
    form: str = ""
    errors: Mapping[str, str | Lazy] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200

    @property
    def path(self) -> str:
        return f"/w/{self.seat.slug}/meetups/{self.slug}/evening"


# Rules


def step_of(form: CueForm, meetup: Meetup) -> Step:
    """The step of this form, or Invalid when its hour is none."""
    at = hours.clock(form.at)
    if at is None:
        raise Invalid(at=hours.UNREADABLE)
    return Step(
        minute=cues.minute_of(at, meetup.starts_at, meetup.time_zone),
        title=form.title,
        owner=form.owner or "",
        note=form.note or "",
        is_public=bool(form.public),
    )


def duty_of(form: TaskForm) -> Duty:
    return Duty(title=form.title, owner_id=form.owner, due_on=form.due_on)


def clock_of(step: Step, meetup: Meetup) -> str:
    """The hour of a step, as the field shows it."""
    at = cues.moment_of(step.minute, meetup.starts_at)
    return f"{at.astimezone(zone(meetup.time_zone)):%H:%M}"


async def face_of(answers: Mapping[str, Any]) -> tuple[Face, Fresh | None]:
    """The person of this form and her picture, drawn again; Invalid by field."""
    texts = {name: value for name, value in answers.items() if name != "picture"}
    form = read(FaceForm, texts)
    file = answers.get("picture")
    content = await file.read() if isinstance(file, UploadFile) and file.filename else b""
    fresh = await pictures.draw(Kind.FACE, content) if content else None
    face = Face(
        name=form.name, role=form.role or "", recognised_by=form.recognised_by or ""
    )
    return face, fresh


# Answers


async def shown(desk: Desk) -> Response[Any]:
    look = await workspaces.look(desk.seat.slug)
    async with scoped(desk.by, readonly=True):
        meetup = await meetups.meetup_by_slug(desk.slug)
        steps = await cues.of_meetup(meetup.id)
        duties = await tasks.of_meetup(meetup.id)
        people = await representatives.of_meetup(meetup.id)
        team = await workspaces.team()
    local = desk.now.astimezone(zone(meetup.time_zone)).date()
    stage = meetups.stage(meetup, desk.now)
    shape, words = stage_of(meetup, desk.now)
    owners = {one.account_id: one.name or one.email for one in team if one.role in TEAM}
    when = [
        hour_of(cues.moment_of(one.minute, meetup.starts_at), meetup.time_zone)
        for one in steps
    ]
    return page(
        desk.asking,
        "organize/evening.html",
        status=desk.status,
        workspace=look,
        meetup=meetup,
        base=f"/w/{look.slug}/meetups/{meetup.slug}",
        shape=shape,
        words=words,
        cues=list(zip(steps, when, [clock_of(one, meetup) for one in steps], strict=True)),
        tasks=[(one, tasks.is_late(one, local) and one.done_at is None) for one in duties],
        undone=sum(one.done_at is None for one in duties),
        people=people,
        owners=list(owners.items()),
        me=desk.by.id,
        may_write=desk.seat.role in ORGANISERS and stage not in SETTLED,
        form=desk.form,
        errors={name: str(text) for name, text in desk.errors.items()},
        answers=desk.answers,
    )


async def acted(
    desk: Desk, request: Request[Any, Any, Any], form: str, act: Act, said: str
) -> Response[Any]:
    """Do it and go back to the evening; what is refused is shown in its own form."""
    async with scoped(desk.by, readonly=True):
        meetup = await meetups.meetup_by_slug(desk.slug)
    try:
        await act(meetup)
    except Invalid as no:
        answers = {k: v for k, v in (await typed(request)).items() if isinstance(v, str)}
        refused = replace(desk, form=form, errors=no.fields, answers=answers, status=422)
        return await shown(refused)
    except Conflict as no:
        return away(desk.asking, desk.path, said=str(no), tone="bad")
    return away(desk.asking, desk.path, said=said)
