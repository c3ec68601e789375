"""Files brought in: chosen, looked at, and only then written."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath

from events.admission.tickets import keys_of
from events.engagement import imports
from events.engagement.imports import Choices, Fate, Given, Kind, Preview
from events.people import channels, communities
from events.people.channels import ChannelLine
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid, NotFound
from server.forms import Form, Tick, read
from server.i18n import gettext as _
from server.i18n import lazy
from server.web import Asking, away, page, typed
from server.workspaces import Seat

# A file of 64 MB, and what a form puts around it.
LARGEST_FORM = 65 * 1024 * 1024

KINDS = {
    Kind.MEMBERS: lazy("Members: who is in the community"),
    Kind.ACTIVITY: lazy("Activity: what they did online"),
    Kind.ATTENDANCE: lazy("Attendance: who came to past meetups"),
}
LINKING_TEXT = lazy(
    "These people agreed that we compare their coming to meetups"
    " with their online activity."
)
# The headings to write, as they stand in a file: any of the first line will do where it
# says "or", and those of the second are read when they are there.
NEEDED = {
    Kind.MEMBERS: lazy("email or handle or name"),
    Kind.ACTIVITY: lazy("handle, kind, date"),
    Kind.ATTENDANCE: lazy("meetup, date, email or handle or name"),
}
READ_TOO = {
    Kind.MEMBERS: lazy("first name, joined on, language, community"),
    Kind.ACTIVITY: lazy("external id, email"),
    Kind.ATTENDANCE: lazy("status, series, venue, capacity"),
}
FATES = {
    Fate.NEW: ("yes", lazy("New")),
    Fate.MATCHED: ("in", lazy("Known already")),
    Fate.CONFLICT: ("no", lazy("To be settled")),
    Fate.IGNORED: ("wait", lazy("Ignored")),
}
# What each column says, as a page calls it.
COLUMNS = {
    "email": lazy("E-mail address"),
    "handle": lazy("Handle"),
    "name": lazy("Name"),
    "first_name": lazy("First name"),
    "last_name": lazy("Family name"),
    "joined_on": lazy("Joined on"),
    "language": lazy("Language"),
    "community": lazy("Community"),
    "external_id": lazy("Id of the act"),
    "kind": lazy("Kind of act"),
    "at": lazy("Moment"),
    "meetup": lazy("Meetup"),
    "date": lazy("Date"),
    "status": lazy("Status"),
    "series": lazy("Series"),
    "venue": lazy("Venue"),
    "capacity": lazy("Capacity"),
    "checked_in_at": lazy("Came in at"),
}


class Order(StrEnum):
    DAY = "day"
    MONTH = "month"


class ImportForm(Form, kw_only=True):
    kind: Kind
    community: UUID
    channel: UUID | None = None
    linking: Tick = Tick(0)


class OrderForm(Form, kw_only=True):
    order: Order


# Bringing a file


@get("/import")
async def bring(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    asked = request.query_params.get("kind", "")
    return await _bring(asking, by, seat, {"kind": asked} if asked in set(Kind) else None)


@post("/import", status_code=303, request_max_body_size=LARGEST_FORM)
async def receive(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
) -> Response[Any]:
    answers = await typed(request)
    file = answers.pop("file", None)
    try:
        form = read(ImportForm, answers)
        given = await _given(form, file, asking.lang)
        run_id = await imports.receive(given, by=by, now=now)
    except Invalid as no:
        again = {"file": lazy("Choose the file again: a browser does not keep it.")}
        return await _bring(asking, by, seat, answers, again | dict(no.fields))
    return away(asking, f"/w/{seat.slug}/import/{run_id}")


async def _given(form: ImportForm, file: object, language: str) -> Given:
    """What was typed and the file beside it, or Invalid."""
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid(file=lazy("Choose a file."))
    content = await file.read()
    text = str(LINKING_TEXT) if form.linking and form.kind is Kind.MEMBERS else ""
    return Given(
        kind=form.kind,
        content=content,
        filename=file.filename,
        community_id=form.community,
        channel_id=form.channel,
        choices=Choices(linking_text=text, language=language if text else ""),
    )


async def _bring(
    asking: Asking,
    by: Actor,
    seat: Seat,
    answers: dict[str, Any] | None = None,
    errors: Any = None,  # noqa: ANN401 - sentences by field
) -> Response[Any]:
    async with scoped(by, readonly=True):
        every = await communities.names()
        found = await channels.channels()
        latest = await imports.runs()
    places = [one for one in found if one.name != channels.OF_FILES]
    only = str(places[0].id) if len(places) == 1 else ""
    return page(
        asking,
        "organize/import.html",
        status=422 if errors else 200,
        workspace=seat,
        communities=[(str(one.id), one.name) for one in every],
        channels=_choices(places, {one.id: one.name for one in every}),
        kinds=[(kind.value, str(label)) for kind, label in KINDS.items()],
        linking_text=str(LINKING_TEXT),
        runs=[(one, _short(one.kind)) for one in latest],
        headings=[(_short(kind), NEEDED[kind], READ_TOO[kind]) for kind in KINDS],
        answers={"channel": only} | (answers or {}),
        errors=errors or {},
    )


def _choices(places: list[ChannelLine], names: dict[UUID, str]) -> list[tuple[str, str]]:
    """The channels to choose from, each with the name of its community."""
    return [
        (str(one.id), f"{one.name} ({names.get(one.community_id, '')})") for one in places
    ]


def _short(kind: Kind) -> str:
    """The name of a kind of file, without what it is for."""
    return str(KINDS[kind]).split(":", maxsplit=1)[0].rstrip()


# Looking at it


@get("/import/{run_id:uuid}")
async def look(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    run_id: FromPath[UUID],
) -> Response[Any]:
    async with scoped(by, readonly=True):
        run = await imports.run_by_id(run_id)
    if run.committed_at is not None:
        return away(asking, f"/w/{seat.slug}/import/{run_id}/done")
    preview = await imports.preview_of(run_id, by=by, now=now)
    return page(
        asking,
        "organize/import_preview.html",
        workspace=seat,
        run=run,
        preview=preview,
        kind=str(KINDS[preview.kind]),
        fates=_fates(preview.counts),
        columns=_columns(preview),
        reasons=[(one, *FATES[one.fate]) for one in preview.reasons],
        missing=[_named(one) for one in preview.missing],
    )


def _fates(counts: dict[str, int]) -> list[tuple[str, str, int]]:
    """The counts with their words."""
    return [(fate.value, str(FATES[fate][1]), counts[fate.value]) for fate in Fate]


def _columns(preview: Preview) -> list[tuple[str, str]]:
    """Each column that is read, and what it is read as."""
    columns = preview.columns
    return [
        (columns.headings[index], str(COLUMNS[name]))
        for name, index in sorted(columns.at.items(), key=lambda pair: pair[1])
    ]


def _named(missing: str) -> str:
    """Columns any one of which would do, in words."""
    names = [str(COLUMNS[name]) for name in missing.split("/")]
    return _(" or ").join(names)


@post("/import/{run_id:uuid}/order", status_code=303)
async def order(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    run_id: FromPath[UUID],
) -> Response[Any]:
    form = read(OrderForm, await typed(request))
    await imports.choose(run_id, day_first=form.order is Order.DAY, by=by, now=now)
    return away(asking, f"/w/{seat.slug}/import/{run_id}")


@post("/import/{run_id:uuid}/drop", status_code=303)
async def drop(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    run_id: FromPath[UUID],
) -> Response[Any]:
    await imports.drop(run_id, by=by, now=now)
    return away(asking, f"/w/{seat.slug}/import", said=_("The file is forgotten."))


# Writing it


@post("/import/{run_id:uuid}/commit", status_code=303)
async def commit(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    run_id: FromPath[UUID],
) -> Response[Any]:
    done = f"/w/{seat.slug}/import/{run_id}/done"
    try:
        await imports.commit(run_id, keys=keys_of(asking.settings), by=by, now=now)
    except imports.AlreadyCommitted:
        return away(asking, done)
    return away(asking, done, said=_("The import is done."))


@get("/import/{run_id:uuid}/done")
async def done(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    run_id: FromPath[UUID],
) -> Response[Any]:
    async with scoped(by, readonly=True):
        run, outcome = await imports.outcome_of(run_id)
    leads = {
        Kind.MEMBERS: ("people", _("See the members")),
        Kind.ACTIVITY: ("communities", _("See the channels")),
        Kind.ATTENDANCE: ("meetups", _("See the meetups")),
    }
    if run.content is not None:
        raise NotFound
    return page(
        asking,
        "organize/import_done.html",
        workspace=seat,
        run=run,
        outcome=outcome,
        fates=_fates(outcome.counts),
        reasons=outcome.told(),
        next=leads[outcome.kind],
    )


TEAM = [bring, receive, look, order, drop, commit, done]
