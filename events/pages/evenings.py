"""One evening prepared: its run of show, its tasks, who stands for the brand.

The team reads, organisers write. Each small form is answered on the same page: what was
typed in it stays, with a sentence for each wrong answer.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from events.pages import public
from events.pages.prepared import (
    CueForm,
    Desk,
    TaskForm,
    acted,
    clock_of,
    duty_of,
    face_of,
    shown,
    step_of,
)
from events.planning import cues, meetups, representatives, tasks
from events.planning.meetups import Meetup
from server import sheets, workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import NotFound
from server.forms import read
from server.i18n import gettext as _
from server.pictures import LARGEST_FORM
from server.web import Asking, typed
from server.workspaces import Seat

# Reading


@get("/meetups/{meetup_slug:str}/evening")
async def evening(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    return await shown(Desk(asking, by, now, seat, meetup_slug))


@get("/meetups/{meetup_slug:str}/evening/steps.csv")
async def steps_file(by: NamedDependency[Actor], meetup_slug: FromPath[str]) -> Stream:
    """The run of show as a file, for whoever holds the evening on paper."""
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
        steps = await cues.of_meetup(meetup.id)

    async def rows() -> AsyncIterator[list[list[object]]]:
        yield [
            [
                clock_of(one, meetup),
                one.title,
                one.owner,
                one.note,
                _("yes") if one.is_public else _("no"),
            ]
            for one in steps
        ]

    head = [
        _("Hour"),
        _("What happens"),
        _("Who sees to it"),
        _("Note"),
        _("On the public page"),
    ]
    return sheets.stream(f"{meetup.slug}-steps.csv", head, rows())


@get("/meetups/{meetup_slug:str}/evening/tasks.csv")
async def tasks_file(by: NamedDependency[Actor], meetup_slug: FromPath[str]) -> Stream:
    """The tasks as a file."""
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
        duties = await tasks.of_meetup(meetup.id)

    async def rows() -> AsyncIterator[list[list[object]]]:
        yield [
            [
                one.title,
                one.owner_name,
                one.due_on,
                one.done_at.date() if one.done_at else "",
            ]
            for one in duties
        ]

    head = [_("What there is to do"), _("Who does it"), _("To be done by"), _("Done on")]
    return sheets.stream(f"{meetup.slug}-tasks.csv", head, rows())


@get("/meetups/{meetup_slug:str}/preview")
async def preview(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    """The public page of a meetup as it will be, for the team only."""
    look = await workspaces.look(seat.slug)
    return await public.preview(asking, look, meetup_slug, now, by=by)


# Acting


@post("/meetups/{meetup_slug:str}/evening/cues", status_code=303)
async def add_cue(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    async def act(meetup: Meetup) -> None:
        step = step_of(read(CueForm, await typed(request)), meetup)
        await cues.add(meetup.id, step, by=by, now=now)

    desk = Desk(asking, by, now, seat, meetup_slug)
    return await acted(desk, request, "cue", act, _("The step is kept."))


@post("/meetups/{meetup_slug:str}/evening/cues/{cue_id:uuid}", status_code=303)
async def change_cue(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
    cue_id: FromPath[UUID],
) -> Response[Any]:
    async def act(meetup: Meetup) -> None:
        step = step_of(read(CueForm, await typed(request)), meetup)
        await cues.change(meetup.id, cue_id, step, by=by, now=now)

    desk = Desk(asking, by, now, seat, meetup_slug)
    return await acted(desk, request, f"cue-{cue_id}", act, _("The step is kept."))


@post("/meetups/{meetup_slug:str}/evening/cues/{cue_id:uuid}/remove", status_code=303)
async def remove_cue(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
    cue_id: FromPath[UUID],
) -> Response[Any]:
    async def act(meetup: Meetup) -> None:
        await cues.remove(meetup.id, cue_id, by=by, now=now)

    desk = Desk(asking, by, now, seat, meetup_slug)
    return await acted(desk, request, "", act, _("The step is taken out."))


@post("/meetups/{meetup_slug:str}/evening/tasks", status_code=303)
async def add_task(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    async def act(meetup: Meetup) -> None:
        duty = duty_of(read(TaskForm, await typed(request)))
        await tasks.add(meetup.id, duty, by=by, now=now)

    desk = Desk(asking, by, now, seat, meetup_slug)
    return await acted(desk, request, "task", act, _("The task is kept."))


@post("/meetups/{meetup_slug:str}/evening/tasks/{task_id:uuid}", status_code=303)
async def change_task(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
    task_id: FromPath[UUID],
) -> Response[Any]:
    async def act(meetup: Meetup) -> None:
        duty = duty_of(read(TaskForm, await typed(request)))
        await tasks.change(meetup.id, task_id, duty, by=by, now=now)

    desk = Desk(asking, by, now, seat, meetup_slug)
    return await acted(desk, request, f"task-{task_id}", act, _("The task is kept."))


@post("/meetups/{meetup_slug:str}/evening/tasks/{task_id:uuid}/{mark:str}", status_code=303)
async def mark_task(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
    task_id: FromPath[UUID],
    mark: FromPath[str],
) -> Response[Any]:
    """Done, not done after all, or nothing to do any more."""
    acts = {
        "done": (tasks.finish, _("The task is done.")),
        "reopen": (tasks.reopen, _("The task is to be done again.")),
        "remove": (tasks.remove, _("The task is taken out.")),
    }
    if mark not in acts:
        raise NotFound
    command, said = acts[mark]

    async def act(meetup: Meetup) -> None:
        await command(meetup.id, task_id, by=by, now=now)

    desk = Desk(asking, by, now, seat, meetup_slug)
    return await acted(desk, request, "", act, said)


# Who stands for the brand


@post(
    "/meetups/{meetup_slug:str}/evening/people",
    status_code=303,
    request_max_body_size=LARGEST_FORM,
)
async def add_face(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    async def act(meetup: Meetup) -> None:
        face, fresh = await face_of(await typed(request))
        await representatives.add(meetup.id, face, picture=fresh, by=by, now=now)

    desk = Desk(asking, by, now, seat, meetup_slug)
    return await acted(desk, request, "face", act, _("The person is named."))


@post(
    "/meetups/{meetup_slug:str}/evening/people/{face_id:uuid}",
    status_code=303,
    request_max_body_size=LARGEST_FORM,
)
async def change_face(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
    face_id: FromPath[UUID],
) -> Response[Any]:
    async def act(meetup: Meetup) -> None:
        face, fresh = await face_of(await typed(request))
        await representatives.change(
            meetup.id, face_id, face, picture=fresh, by=by, now=now
        )

    desk = Desk(asking, by, now, seat, meetup_slug)
    return await acted(desk, request, f"face-{face_id}", act, _("The person is named."))


@post(
    "/meetups/{meetup_slug:str}/evening/people/{face_id:uuid}/{mark:str}", status_code=303
)
async def mark_face(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    meetup_slug: FromPath[str],
    face_id: FromPath[UUID],
    mark: FromPath[str],
) -> Response[Any]:
    """Named first, or taken off."""
    acts = {
        "first": (representatives.put_first, _("The person is named first.")),
        "remove": (representatives.remove, _("The person is taken off.")),
    }
    if mark not in acts:
        raise NotFound
    command, said = acts[mark]

    async def act(meetup: Meetup) -> None:
        await command(meetup.id, face_id, by=by, now=now)

    desk = Desk(asking, by, now, seat, meetup_slug)
    return await acted(desk, request, "", act, said)


READS: list[HTTPRouteHandler] = [evening, steps_file, tasks_file, preview]
WRITES: list[HTTPRouteHandler] = [
    add_cue,
    change_cue,
    remove_cue,
    add_task,
    change_task,
    mark_task,
    add_face,
    change_face,
    mark_face,
]
