"""The API of one evening prepared: steps, tasks, representatives.

A step is so many minutes from the beginning; a task belongs to an account of the team.
"""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.pages.api_meetups import body_of, meetup_of, one_line
from events.planning import cues, representatives, tasks
from events.planning.cues import Step
from events.planning.representatives import Face
from events.planning.tasks import Duty
from server import pictures
from server.audit import Actor
from server.database import scoped
from server.forms import clean
from server.pictures import LARGEST_TEXT, Fresh

A_FACE = "`picture` holds a PNG, JPEG or WebP of 10 MB at most, in base64."


class StepBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One step; `minute` counts from the beginning and may be negative."""

    minute: int
    title: str
    owner: str = ""
    note: str = ""
    is_public: bool = False


class TaskBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One thing to do; `owner_id` is an account of the team."""

    title: str
    owner_id: UUID | None = None
    due_on: date | None = None
    is_done: bool | None = None


class FaceBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Somebody who stands for the brand."""

    name: str
    role: str = ""
    recognised_by: str = ""
    picture: Annotated[str, msgspec.Meta(max_length=LARGEST_TEXT)] = ""


class Steps(msgspec.Struct):
    items: list[cues.Line]
    next: str | None = None


class Tasks(msgspec.Struct):
    items: list[tasks.Line]
    next: str | None = None


class Faces(msgspec.Struct):
    items: list[representatives.Shown]
    next: str | None = None


# Rules


def short(text: str) -> str:
    """A text on one line, at most 200 characters."""
    return " ".join(clean(text).split())[:200]


def step_of(body: StepBody) -> Step:
    return Step(
        minute=body.minute,
        title=one_line(body.title, "title"),
        owner=short(body.owner),
        note=clean(body.note)[:5000],
        is_public=body.is_public,
    )


def duty_of(body: TaskBody) -> Duty:
    title = one_line(body.title, "title")
    return Duty(title=title, owner_id=body.owner_id, due_on=body.due_on)


async def face_of(body: FaceBody) -> tuple[Face, Fresh | None]:
    """The person that is sent, and the picture of her face."""
    name = one_line(body.name, "name")
    fresh = await pictures.draw_text(pictures.Kind.FACE, body.picture)
    sign = short(body.recognised_by)
    return Face(name=name, role=short(body.role), recognised_by=sign), fresh


async def _steps(meetup_id: UUID, by: Actor) -> Steps:
    async with scoped(by, readonly=True):
        return Steps(await cues.of_meetup(meetup_id))


async def _tasks(meetup_id: UUID, by: Actor) -> Tasks:
    async with scoped(by, readonly=True):
        return Tasks(await tasks.of_meetup(meetup_id))


async def _faces(meetup_id: UUID, by: Actor) -> Faces:
    async with scoped(by, readonly=True):
        return Faces(await representatives.of_meetup(meetup_id))


# The run of show


@get(
    "/meetups/{meetup_id:uuid}/cues",
    summary="Read the run of show",
    description="Every step in order of time. Roles: owner, manager, moderator.",
)
async def list_cues(by: NamedDependency[Actor], meetup_id: FromPath[UUID]) -> Steps:
    await meetup_of(meetup_id, by)
    return await _steps(meetup_id, by)


@post(
    "/meetups/{meetup_id:uuid}/cues",
    status_code=201,
    summary="Add a step",
    description="Answers with the whole run of show. Roles: owner, manager.",
)
async def add_cue(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> Steps:
    step = step_of(await body_of(request, StepBody))
    await cues.add(meetup_id, step, by=by, now=now)
    return await _steps(meetup_id, by)


@put(
    "/meetups/{meetup_id:uuid}/cues/{cue_id:uuid}",
    summary="Change a step",
    description="The step becomes what is sent. Roles: owner, manager.",
)
async def change_cue(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
    cue_id: FromPath[UUID],
) -> Steps:
    step = step_of(await body_of(request, StepBody))
    await cues.change(meetup_id, cue_id, step, by=by, now=now)
    return await _steps(meetup_id, by)


@delete(
    "/meetups/{meetup_id:uuid}/cues/{cue_id:uuid}",
    status_code=200,
    summary="Take a step out",
    description="Answers with what is left. Roles: owner, manager.",
)
async def remove_cue(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
    cue_id: FromPath[UUID],
) -> Steps:
    await cues.remove(meetup_id, cue_id, by=by, now=now)
    return await _steps(meetup_id, by)


# Tasks


@get(
    "/meetups/{meetup_id:uuid}/tasks",
    summary="List the tasks of a meetup",
    description="What is open first, then by day. Roles: owner, manager, moderator.",
)
async def list_tasks(by: NamedDependency[Actor], meetup_id: FromPath[UUID]) -> Tasks:
    await meetup_of(meetup_id, by)
    return await _tasks(meetup_id, by)


@post(
    "/meetups/{meetup_id:uuid}/tasks",
    status_code=201,
    summary="Add a task",
    description="Whoever owns it gets a letter the day before it is due. Roles: owner,"
    " manager.",
)
async def add_task(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> Tasks:
    duty = duty_of(await body_of(request, TaskBody))
    await tasks.add(meetup_id, duty, by=by, now=now)
    return await _tasks(meetup_id, by)


@put(
    "/meetups/{meetup_id:uuid}/tasks/{task_id:uuid}",
    summary="Change a task, or say that it is done",
    description="The task becomes what is sent; `is_done` left out stays as it was."
    " Roles: owner, manager.",
)
async def change_task(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
    task_id: FromPath[UUID],
) -> Tasks:
    body: TaskBody = await body_of(request, TaskBody)
    async with scoped(by):
        await tasks.change(meetup_id, task_id, duty_of(body), by=by, now=now)
        if body.is_done is not None:
            mark = tasks.finish if body.is_done else tasks.reopen
            await mark(meetup_id, task_id, by=by, now=now)
    return await _tasks(meetup_id, by)


@delete(
    "/meetups/{meetup_id:uuid}/tasks/{task_id:uuid}",
    status_code=200,
    summary="Take a task out",
    description="Answers with what is left. Roles: owner, manager.",
)
async def remove_task(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
    task_id: FromPath[UUID],
) -> Tasks:
    await tasks.remove(meetup_id, task_id, by=by, now=now)
    return await _tasks(meetup_id, by)


# Who stands for the brand


@get(
    "/meetups/{meetup_id:uuid}/representatives",
    summary="List who stands for the brand",
    description="The first one is named everywhere. Roles: owner, manager, moderator.",
)
async def list_faces(by: NamedDependency[Actor], meetup_id: FromPath[UUID]) -> Faces:
    await meetup_of(meetup_id, by)
    return await _faces(meetup_id, by)


@post(
    "/meetups/{meetup_id:uuid}/representatives",
    status_code=201,
    request_max_body_size=LARGEST_TEXT + 100_000,
    summary="Name somebody who stands for the brand",
    description=f"{A_FACE} Roles: owner, manager.",
)
async def add_face(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
) -> Faces:
    face, fresh = await face_of(await body_of(request, FaceBody))
    await representatives.add(meetup_id, face, picture=fresh, by=by, now=now)
    return await _faces(meetup_id, by)


@put(
    "/meetups/{meetup_id:uuid}/representatives/{face_id:uuid}",
    request_max_body_size=LARGEST_TEXT + 100_000,
    summary="Change who stands for the brand",
    description=f"{A_FACE} Without one, hers stays. Roles: owner, manager.",
)
async def change_face(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
    face_id: FromPath[UUID],
) -> Faces:
    face, fresh = await face_of(await body_of(request, FaceBody))
    await representatives.change(meetup_id, face_id, face, picture=fresh, by=by, now=now)
    return await _faces(meetup_id, by)


@post(
    "/meetups/{meetup_id:uuid}/representatives/{face_id:uuid}/first",
    status_code=200,
    summary="Name this person before the others",
    description="Letters and lists name the first one. Roles: owner, manager.",
)
async def put_face_first(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
    face_id: FromPath[UUID],
) -> Faces:
    await representatives.put_first(meetup_id, face_id, by=by, now=now)
    return await _faces(meetup_id, by)


@delete(
    "/meetups/{meetup_id:uuid}/representatives/{face_id:uuid}",
    status_code=200,
    summary="Take somebody off",
    description="Of a public meetup, one person always stays. Roles: owner, manager.",
)
async def remove_face(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    meetup_id: FromPath[UUID],
    face_id: FromPath[UUID],
) -> Faces:
    await representatives.remove(meetup_id, face_id, by=by, now=now)
    return await _faces(meetup_id, by)


READS: list[HTTPRouteHandler] = [list_cues, list_tasks, list_faces]
WRITES: list[HTTPRouteHandler] = [
    add_cue,
    change_cue,
    remove_cue,
    add_task,
    change_task,
    remove_task,
    add_face,
    change_face,
    put_face_first,
    remove_face,
]
