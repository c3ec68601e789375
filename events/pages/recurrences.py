"""A series as its organisers plan it: what each edition of it is made of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import timetables
from events.admission.timetables import Reach
from events.pages import editions, rhythms
from events.pages.rhythms import Desk, renamed, words_of
from events.people import communities
from events.planning import series, venues
from events.planning.facts import Admission
from events.planning.series import Series, Template
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid
from server.forms import Form, Line, Prose, read
from server.i18n import Lazy, lazy
from server.i18n import gettext as _
from server.web import Asking, away, page, typed
from server.workspaces import Seat

REACHES = (
    (Reach.NEW, lazy("Only those not prepared yet")),
    (Reach.PREPARED, lazy("Also those prepared, except the ones changed by themselves")),
    (Reach.ALL, lazy("Every one to come")),
)
ADMISSIONS = (
    (Admission.FIRST_COME, lazy("First come, first served")),
    (Admission.LOTTERY, lazy("By lot, among those who asked")),
)


class SeriesForm(Form, kw_only=True):
    """What the page asks of each edition."""

    name: Line
    community: UUID | None = None
    description: Prose | None = None
    programme: Prose | None = None
    representative: Line | None = None
    capacity: int | None = None
    admission: Admission | None = None
    venue: UUID | None = None
    reach: Reach | None = None


# Rules


def template_of(form: SeriesForm) -> Template:
    return Template(
        name=form.name,
        description=form.description or "",
        programme=form.programme or "",
        representative=form.representative or "",
        capacity=form.capacity,
        admission=form.admission or Admission.FIRST_COME,
        venue_id=form.venue,
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


# What each edition is


@get("/series/new")
async def new(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    return await _form(Desk(asking, await workspaces.look(seat.slug), by, now), {})


@get("/series/{series_slug:str}/edit")
async def edit(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    desk = Desk(asking, await workspaces.look(seat.slug), by, now)
    async with scoped(by, readonly=True):
        found = await series.record_by_slug(series_slug)
    names = ("name", "description", "programme", "representative", "admission")
    shown = {name: getattr(found, name) for name in names} | {
        "capacity": _text(found.capacity),
        "venue": _text(found.venue_id),
    }
    return await _form(desk, shown, found)


async def _form(
    desk: Desk,
    typed_: Mapping[str, Any],
    found: Series | None = None,
    errors: Mapping[str, str | Lazy] | None = None,
) -> Response[str]:
    async with scoped(desk.by, readonly=True):
        groups = await communities.names()
        places = await venues.venues()
    return page(
        desk.asking,
        "organize/series_form.html",
        status=422 if errors else 200,
        workspace=desk.look,
        series=found,
        typed=typed_,
        errors={name: str(text) for name, text in (errors or {}).items()},
        communities=[(one.id, one.name) for one in groups],
        places=[(one.id, one.name) for one in places],
        admissions=[(one.value, str(name)) for one, name in ADMISSIONS],
        reaches=[(one.value, str(name)) for one, name in REACHES],
    )


@post("/series/new", status_code=303)
async def make(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    desk = Desk(asking, await workspaces.look(seat.slug), by, now)
    typed_ = await typed(request)
    try:
        form = read(SeriesForm, typed_)
        async with scoped(by):
            community_id = form.community
            if community_id is None:
                community_id = _only(await communities.names())
            made = await series.make_new(
                template_of(form), community_id=community_id, by=by, now=now
            )
    except Invalid as no:
        return await _form(desk, typed_, None, renamed(no))
    return away(
        asking,
        f"/w/{seat.slug}/series/{made.slug}/dates",
        said=_("The series is kept. Now give it its dates."),
    )


def _only(groups: list[communities.CommunityName]) -> UUID:
    """The community of a workspace that has one: it is never asked for."""
    if len(groups) == 1:
        return groups[0].id
    raise Invalid(community=lazy("This answer is missing."))


@post("/series/{series_slug:str}/edit", status_code=303)
async def change(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    desk = Desk(asking, await workspaces.look(seat.slug), by, now)
    typed_ = await typed(request)
    async with scoped(by, readonly=True):
        found = await series.record_by_slug(series_slug)
    try:
        form = read(SeriesForm, typed_)
        done = await timetables.reshape(
            found.id,
            template_of(form),
            form.reach or Reach.NEW,
            desk=desk.post,
            by=by,
            now=now,
        )
    except (Invalid, Conflict) as no:  # an edition that cannot follow, and none does
        return await _form(desk, typed_, found, renamed(no))
    return away(asking, f"/w/{seat.slug}/series/{found.slug}", said=words_of(done))


READS: list[HTTPRouteHandler] = []
WRITES: list[HTTPRouteHandler] = [
    new,
    edit,
    make,
    change,
    *rhythms.WRITES,
    *editions.WRITES,
]
