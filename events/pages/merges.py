"""Merges: what was merged, row by row, and undone; `duplicates` finds whom to merge."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from events.pages import duplicates
from events.pages.duplicates import PAGE, key_of, rows_in_words
from events.people import merges, unmerging
from events.people.merges import MergeLine
from server import sheets, workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict
from server.i18n import gettext as _
from server.i18n import short_date
from server.web import Asking, away, page
from server.workspaces import Seat

# What was merged


@get("/merges")
async def list_merges(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    after = key_of(request.query_params.get("after"))
    async with scoped(by, readonly=True):
        look = await workspaces.look_by_id(seat.workspace_id)
        found = await merges.merges(after=after, limit=PAGE + 1)
    base = f"/w/{seat.slug}/merges"
    is_more = len(found) > PAGE
    return page(
        asking,
        "organize/merges.html",
        workspace=look,
        merges=found[:PAGE],
        next_href=f"{base}?after={found[PAGE - 1].id}" if is_more else None,
        export_href=f"{base}.csv",
    )


@get("/merges.csv")
async def merges_file(by: NamedDependency[Actor], seat: NamedDependency[Seat]) -> Stream:
    head = [_("Kept"), _("Merged"), _("Reason"), _("Merged on"), _("Undone on")]

    async def lines() -> AsyncIterator[Sequence[Sequence[object]]]:
        after: UUID | None = None
        while True:
            async with scoped(by, readonly=True):
                found = await merges.merges(after=after, limit=sheets.PIECE)
            yield [_line(one_) for one_ in found]
            if len(found) < sheets.PIECE:
                return
            after = found[-1].id

    return sheets.stream(f"{seat.slug}-merges.csv", head, lines())


def _line(one_: MergeLine) -> list[object]:
    undone = one_.undone_at.isoformat() if one_.undone_at else ""
    return [one_.kept, one_.merged, one_.reason, one_.merged_at.isoformat(), undone]


@get("/merges/{merge_id:uuid}")
async def merged(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    merge_id: FromPath[UUID],
) -> Response[Any]:
    return await _merged(asking, by, seat, merge_id)


async def _merged(
    asking: Asking, by: Actor, seat: Seat, merge_id: UUID, refusal: str = ""
) -> Response[Any]:
    async with scoped(by, readonly=True):
        look = await workspaces.look_by_id(seat.workspace_id)
        found = await merges.merge_detail(merge_id)
        line = found.line
        twice = [] if line.undone_at else await merges.twice_at(line.kept_id)
    return page(
        asking,
        "organize/merge.html",
        status=409 if refusal else 200,
        workspace=look,
        merge=line,
        moved=rows_in_words(found.moved),
        stayed=rows_in_words(found.stayed),
        twice=[(one_, short_date(one_.starts_at, look.time_zone)) for one_ in twice],
        refusal=refusal,
    )


@post("/merges/{merge_id:uuid}/undo", status_code=303)
async def undo(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    merge_id: FromPath[UUID],
) -> Response[Any]:
    try:
        await unmerging.undo(merge_id, by=by, now=now)
    except Conflict as no:
        return await _merged(asking, by, seat, merge_id, str(no))
    said = _("They are two people again, each with what was hers.")
    return away(asking, f"/w/{seat.slug}/merges/{merge_id}", said=said)


READS = [*duplicates.READS, list_merges, merges_file, merged]
WRITES = [*duplicates.WRITES, undo]
