"""The public page of a series, and following it.

Following takes an address and a yes from a letter; it is not a place at anything. The
answer is the same whoever asks and whoever follows already: the letter says it.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import calendars, followers, timetables
from events.admission.calendars import Subscription
from events.pages import feeds
from events.pages.letterheads import letterhead
from events.planning import phrases, recurrences, rules, series
from events.planning.recurrences import Edition, Recurrence
from events.planning.series import Series, SeriesLine
from server import limits
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid, NotFound
from server.forms import Email, Form, Line, read
from server.i18n import gettext as _
from server.i18n import language
from server.look import Look
from server.web import Asking, away, in_workspace_frame, page, public_look, typed

SHOWN = 12
BEHIND = timedelta(days=366)
WINDOW = timedelta(minutes=10)
PER_ADDRESS = 100
PER_EMAIL = 5


class FollowForm(Form, kw_only=True):
    """Whom to write to; `website` is for robots only."""

    first_name: Line
    email: Email
    website: Line | None = None


# Rules


def shown_to_all(found: Series, editions: list[Edition], now: datetime) -> list[Edition]:
    """What everybody may see of a series: published dates and, announced, every date."""
    announced_at: datetime | None = found.announced_at
    is_told = announced_at is not None
    return [
        one
        for one in editions
        if one.ends_at > now and (one.published_at is not None or is_told)
    ][:SHOWN]


# The page


@get("/m/{workspace:str}/s/{series_slug:str}")
async def series_page(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    series_slug: FromPath[str],
) -> Response[Any]:
    look = await public_look(asking, workspace)
    if series_slug.endswith(".ics"):
        slug = series_slug.removesuffix(".ics")
        return await feeds.series_calendar(request, asking, look, slug)
    return await _page(asking, look, series_slug, now)


async def _public(slug: str) -> Series:
    """The series of this address as everybody may see it, or NotFound."""
    found = await series.record_by_slug(slug)
    if not (await timetables.standing(found.id)).is_public:
        raise NotFound
    return found


async def _page(
    asking: Asking,
    look: Look,
    slug: str,
    now: datetime,
    refused: tuple[int, Mapping[str, object], Mapping[str, Any]] = (200, {}, {}),
) -> Response[Any]:
    status, errors, answers = refused
    async with scoped(asking.anyone(look.id), readonly=True):
        found = await _public(slug)
        known, wanted, editions = await _dates(found, now)
    announced_at: datetime | None = found.announced_at
    is_told = announced_at is not None and wanted
    rule = rules.parse(known[-1].rule) if known and is_told else None
    return page(
        asking,
        "public/series.html",
        status=status,
        series=found,
        words=phrases.sentence(rule, language.get()) if rule else "",
        editions=shown_to_all(found, editions, now),
        calendar=_calendar_of(asking, look, found),
        errors={name: str(text) for name, text in errors.items()},
        answers=answers,
        **in_workspace_frame(asking, look),
    )


def _calendar_of(asking: Asking, look: Look, found: Series) -> Subscription:
    address = f"{asking.settings.origin}/m/{look.slug}/s/{found.slug}.ics"
    return calendars.subscription(address, found.name)


async def _dates(
    found: Series, now: datetime
) -> tuple[list[Recurrence], list[date], list[Edition]]:
    """The rules of a series, the days to come that they name, and their editions."""
    known = await recurrences.rules_of(found.id)
    wanted = [day for _one, day in islice(recurrences.coming(known, now), SHOWN)]
    return known, wanted, await _around(known, wanted, now)


async def _around(
    known: Sequence[Recurrence], wanted: Sequence[date], now: datetime
) -> list[Edition]:
    """The editions of these days, and those that were moved from a day behind."""
    since = now.date() - BEHIND  # an edition may have been moved far from its day
    held = await recurrences.held_of([one.id for one in known], since, recurrences.EVER[1])
    last = max([*wanted, *(one.occurs_on for one in held)], default=since)
    return recurrences.editions_of(known, held, since=since, until=last)


# Following


@post("/m/{workspace:str}/s/{series_slug:str}/follow", status_code=200)
async def follow(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    series_slug: FromPath[str],
) -> Response[Any]:
    look = await public_look(asking, workspace)
    answers = await typed(request)
    try:
        form = read(FollowForm, answers)
    except Invalid as no:
        return await _page(asking, look, series_slug, now, (422, no.fields, answers))
    await limits.spend("follow", asking.address, most=PER_ADDRESS, window=WINDOW, now=now)
    await limits.spend("follow_email", form.email, most=PER_EMAIL, window=WINDOW, now=now)
    by = asking.anyone(look.id)
    async with scoped(by):
        await _public(series_slug)
        line = await series.series_by_slug(series_slug)
        if not form.website:
            await _follow(asking, look, line, form, by=by, now=now)
    return page(
        asking,
        "public/series_asked.html",
        series=line,
        email=form.email,
        **in_workspace_frame(asking, look),
    )


async def _follow(
    asking: Asking,
    look: Look,
    line: SeriesLine,
    form: FollowForm,
    *,
    by: Actor,
    now: datetime,
) -> None:
    await followers.follow(
        line,
        name=form.first_name,
        email=form.email,
        language=asking.lang,
        **letterhead(asking, look),
        by=by,
        now=now,
    )


FOLLOWING = "/m/{workspace:str}/s/{series_slug:str}/following/{token:str}"


@get([FOLLOWING, f"{FOLLOWING}/stop"])
async def following(
    asking: NamedDependency[Asking],
    *,
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    series_slug: FromPath[str],
    token: FromPath[str],
) -> Response[Any]:
    """Where a follower says yes or stops; opening it does nothing by itself."""
    look = await public_look(asking, workspace)
    async with scoped(asking.anyone(look.id), readonly=True):
        line = await series.record_by_slug(series_slug)
        found = await followers.by_token(token, line.id)
        _known, _wanted, editions = await _dates(line, now)
    return page(
        asking,
        "public/following.html",
        series=line,
        follower=found,
        editions=shown_to_all(line, editions, now),
        calendar=_calendar_of(asking, look, line),
        here=f"/m/{look.slug}/s/{line.slug}/following/{token}",
        is_leaving=asking.path.endswith("/stop"),
        **in_workspace_frame(asking, look),
    )


@post(FOLLOWING, status_code=303)
async def confirm(
    asking: NamedDependency[Asking],
    *,
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    series_slug: FromPath[str],
    token: FromPath[str],
) -> Response[Any]:
    look = await public_look(asking, workspace)
    by = asking.anyone(look.id)
    async with scoped(by):
        line = await series.series_by_slug(series_slug)
        await followers.confirm(token, series_id=line.id, by=by, now=now)
    said = _("You follow this series: a letter tells you of each edition.")
    return away(asking, f"/m/{look.slug}/s/{line.slug}/following/{token}", said=said)


@post(f"{FOLLOWING}/stop", status_code=303)
async def stop(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    series_slug: FromPath[str],
    token: FromPath[str],
) -> Response[Any]:
    """One gesture, from the page or straight from a mail program.

    A mail program is answered at once: it follows no redirection (RFC 8058, 3.1).
    """
    look = await public_look(asking, workspace)
    by = asking.anyone(look.id)
    async with scoped(by):
        line = await series.series_by_slug(series_slug)
        await followers.stop(token, series_id=line.id, by=by, now=now)
    if (await typed(request)).get("List-Unsubscribe") == "One-Click":
        return Response(None, status_code=200)
    return away(
        asking,
        f"/m/{look.slug}/s/{line.slug}/following/{token}",
        said=_("No more letters about this series."),
    )


PUBLIC: list[HTTPRouteHandler] = [series_page, follow, following, confirm, stop]
