"""Reports on pages, on paper, as tables and for machines."""

from datetime import datetime
from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from events.engagement import documents, reports
from events.engagement.documents import Form, Kind
from server import workspaces
from server.audit import Actor
from server.charts import Palette
from server.database import scoped
from server.rendering import content_disposition
from server.web import Asking, page

AnyRequest = Request[Any, Any, State]


@get("/reports")
async def reports_page(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    before: FromQuery[datetime | None] = None,
) -> Response[str]:
    """The meetups that have begun, latest first."""
    look = await workspaces.look(slug)
    async with scoped(by):
        lines = await reports.listing(now, before=before, limit=51)
    more = lines[49].starts_at.isoformat() if len(lines) > 50 else None  # noqa: PLR2004
    return page(
        asking, "organize/reports.html", workspace=look, lines=lines[:50], more=more
    )


@get("/meetups/{meetup_slug:str}/report")
async def report(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[str]:
    """What one meetup came to."""
    look = await workspaces.look(slug)
    async with scoped(by):
        found = await documents.gathered("meetup", meetup_slug, now)
    assert isinstance(found, reports.MeetupReport)  # noqa: S101 - as asked
    context = documents.meetup_context(found, Palette.page())
    return page(asking, "organize/report.html", workspace=look, **context)


@get("/series/{series_slug:str}/report")
async def series_report(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    series_slug: FromPath[str],
) -> Response[str]:
    """What the meetups of one series came to."""
    look = await workspaces.look(slug)
    async with scoped(by):
        found = await documents.gathered("series", series_slug, now)
    assert isinstance(found, reports.SeriesReport)  # noqa: S101 - as asked
    context = documents.series_context(found, Palette.page())
    return page(asking, "organize/series_report.html", workspace=look, **context)


@get("/meetups/{meetup_slug:str}/report.pdf")
async def report_pdf(
    request: AnyRequest,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[bytes]:
    return await _download(request, "meetup", meetup_slug, "pdf", slug, by, now)


@get("/meetups/{meetup_slug:str}/report.csv")
async def report_csv(
    request: AnyRequest,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[bytes]:
    return await _download(request, "meetup", meetup_slug, "csv", slug, by, now)


@get("/meetups/{meetup_slug:str}/report.json")
async def report_json(
    request: AnyRequest,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[bytes]:
    return await _download(request, "meetup", meetup_slug, "json", slug, by, now)


@get("/series/{series_slug:str}/report.pdf")
async def series_pdf(
    request: AnyRequest,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    series_slug: FromPath[str],
) -> Response[bytes]:
    return await _download(request, "series", series_slug, "pdf", slug, by, now)


@get("/series/{series_slug:str}/report.csv")
async def series_csv(
    request: AnyRequest,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    series_slug: FromPath[str],
) -> Response[bytes]:
    return await _download(request, "series", series_slug, "csv", slug, by, now)


@get("/series/{series_slug:str}/report.json")
async def series_json(
    request: AnyRequest,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    series_slug: FromPath[str],
) -> Response[bytes]:
    return await _download(request, "series", series_slug, "json", slug, by, now)


async def _download(
    request: AnyRequest,
    kind: Kind,
    name: str,
    form: Form,
    slug: str,
    by: Actor,
    now: datetime,
) -> Response[bytes]:
    """A report as a file, in the reader's language."""
    asking: Asking = request.scope["state"]["asking"]
    look = await workspaces.look(slug)
    async with scoped(by):
        found = await documents.gathered(kind, name, now)

    async def printer(html: str, assets: dict[str, bytes], title: str) -> bytes:
        content: bytes = await request.app.state.pdf.render(html, assets, title=title)
        return content

    content = await documents.written(found, form, look, asking.lang, printer)
    return Response(
        content,
        media_type=documents.MEDIA[form],
        headers={
            "content-disposition": content_disposition(documents.filename(found, form))
        },
    )


TEAM = [
    reports_page,
    report,
    report_pdf,
    report_csv,
    report_json,
    series_report,
    series_pdf,
    series_csv,
    series_json,
]
