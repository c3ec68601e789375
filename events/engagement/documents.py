"""Documents: a report on paper, in the workspace's colour, tagged for screen readers.

The same value gives the same document to the byte, so that two people who print one report
hold the same thing.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Literal

import msgspec

from events.engagement import bodies, pictures, reports
from events.engagement.effects import Lift
from events.engagement.lift import Audience
from events.engagement.reports import MeetupReport, SeriesReport
from events.engagement.sentences import evidence, lead, said, shown
from events.planning import meetups, series
from server import workspaces
from server.assets import asset_bytes
from server.audit import system
from server.brand import logo_for_print
from server.charts import Chart, Palette
from server.colors import brand
from server.database import scoped
from server.i18n import use
from server.look import Look
from server.rendering import PdfPool, render

Kind = Literal["meetup", "series"]
Form = Literal["pdf", "csv", "json"]
Printer = Callable[[str, dict[str, bytes], str], Awaitable[bytes]]

INK, SOFT, LINE = "#20241b", "#575a50", "#d9d7ce"
FONTS = tuple(
    f"inter-{script}-{weight}-normal.woff2"
    for script in ("latin", "latin-ext")
    for weight in (300, 400, 600)
)
MEDIA = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "json": "application/json",
}


class Told(msgspec.Struct, frozen=True):
    """One outcome on a page: its word, its sentence and perhaps its picture."""

    outcome: str
    headline: str
    text: str
    picture: Chart | None


class Question(msgspec.Struct, frozen=True):
    """What a page says of an effect."""

    meetups: int
    lead: str
    told: list[Told]
    evidence: list[str]


def assets() -> dict[str, bytes]:
    """What a printed page may look at."""
    return {name: asset_bytes(name) for name in ("print.css", *FONTS)}


def ink(workspace: Look) -> Palette:
    """The workspace's colours on paper."""
    colours = brand(workspace.color)
    return Palette.print(colours.accent, colours.tint, INK, SOFT, LINE)


def question(
    lift: Lift | None, palette: Palette, audience: Audience = Audience.ORGANISER
) -> Question | None:
    """An effect as a page or a document shows it."""
    if lift is None:
        return None
    told = []
    for finding in lift.findings:
        words = said(lift, finding, audience)
        picture = pictures.interval(lift, finding, palette)
        told.append(Told(finding.outcome.value, words.headline, words.text, picture))
    return Question(lift.meetups, lead(lift), told, evidence(lift))


def meetup_context(report: MeetupReport, palette: Palette) -> dict[str, Any]:
    """What the page and the document of a meetup show."""
    return {
        "report": report,
        "about": report.about,
        "figures": [shown(figure) for figure in report.figures],
        "arrivals": pictures.arrivals(report, palette),
        "half_there": pictures.half_there(report),
        "funnel": pictures.funnel(report.steps, palette),
        "question": question(report.lift, palette),
        "pooled": question(report.pooled, palette),
    }


def series_context(report: SeriesReport, palette: Palette) -> dict[str, Any]:
    """What the page and the document of a series show."""
    return {
        "report": report,
        "figures": [shown(figure) for figure in report.figures],
        "attendance": pictures.attendance(report.meetups, palette),
        "pooled": question(report.lift, palette),
    }


def printed(
    report: MeetupReport | SeriesReport, workspace: Look, language: str, logo: str = ""
) -> str:
    """The report as a page to print."""
    palette = ink(workspace)
    if isinstance(report, MeetupReport):
        template, context = "print/report.html", meetup_context(report, palette)
    else:
        template, context = "print/series_report.html", series_context(report, palette)
    return render(
        template,
        lang=language,
        workspace=workspace,
        brand=brand(workspace.color),
        logo=logo,
        **context,
    )


def title(report: MeetupReport | SeriesReport) -> str:
    """What the report is called."""
    return report.about.title if isinstance(report, MeetupReport) else report.name


def filename(report: MeetupReport | SeriesReport, form: Form) -> str:
    """What a download is called: the address of what it is about."""
    slug = report.about.slug if isinstance(report, MeetupReport) else report.slug
    return f"{slug}.{form}"


async def written(
    report: MeetupReport | SeriesReport,
    form: Form,
    workspace: Look,
    language: str,
    printer: Printer,
) -> bytes:
    """The report in one of its forms, in the language given."""
    logo = await logo_for_print(workspace) if form == "pdf" else ""
    with use(language):
        if form == "csv":
            return bodies.as_csv(report)
        if form == "json":
            return bodies.as_json(report)
        page = printed(report, workspace, language, logo)
        return await printer(page, assets(), title(report))


async def gathered(kind: Kind, slug: str, now: datetime) -> MeetupReport | SeriesReport:
    """The report of what this address names, in the workspace in view."""
    if kind == "meetup":
        return await reports.meetup_report((await meetups.meetup_by_slug(slug)).id, now)
    return await reports.series_report((await series.series_by_slug(slug)).id, now)


async def document(
    kind: Kind,
    workspace_slug: str,
    slug: str,
    form: Form,
    language: str,
    now: datetime,
    printer: Printer | None = None,
) -> bytes:
    """A report for the command line: who asks there is the house itself."""
    workspace = await workspaces.look(workspace_slug)
    async with scoped(system(workspace.id)):
        report = await gathered(kind, slug, now)
    return await written(report, form, workspace, language, printer or printed_once)


async def printed_once(page: str, assets: dict[str, bytes], title: str) -> bytes:
    """The document from a printer of its own, for who has no pool."""
    pool = PdfPool(1, seconds=60)
    await pool.start()
    try:
        return await pool.render(page, assets, title=title)
    finally:
        await pool.stop()
