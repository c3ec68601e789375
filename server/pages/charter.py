"""Charters: the public page of the one for everybody, and where both are written."""

from datetime import datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from server import charters, workspaces
from server.audit import Actor
from server.charters import CharterMoved, Kind, Version
from server.database import scoped
from server.errors import Invalid, NotFound
from server.forms import clean
from server.i18n import gettext as _
from server.i18n import lazy
from server.look import Look
from server.sheets import sheet
from server.web import (
    LANGUAGE_NAMES,
    Asking,
    away,
    in_workspace_frame,
    page,
    public_look,
    typed,
)
from server.workspaces import Seat

VERSIONS = 20
WHOLE = 2_000
KIND_NAMES = {
    Kind.COMMUNITY: lazy("For everybody"),
    Kind.AMBASSADORS: lazy("For ambassadors"),
}


@get("/m/{workspace:str}/charter")
async def public_charter(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    workspace: FromPath[str],
) -> Response[Any]:
    """The charter in force, or the version that the address names."""
    look = await public_look(asking, workspace)
    async with scoped(asking.anyone(look.id), readonly=True):
        now_in_force = await charters.current(Kind.COMMUNITY)
        if now_in_force is None:
            raise NotFound
        number = _number(request, "version")
        shown = await charters.version(Kind.COMMUNITY, number) if number else now_in_force
        older = await charters.versions(Kind.COMMUNITY, limit=VERSIONS)
    text, language = charters.text_in(shown, asking.lang, look.language)
    return page(
        asking,
        "public/charter.html",
        charter=shown,
        text=text,
        text_language=language,
        in_force=now_in_force,
        versions=older,
        **in_workspace_frame(asking, look),
    )


@get("/charter")
async def edit(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    return await _page(request, asking, by, seat)


@get("/charter.csv")
async def versions_file(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[bytes]:
    """Every version of one charter, one line for each language."""
    kind = _kind(request)
    async with scoped(by, readonly=True):
        found = await charters.versions(kind, limit=WHOLE)
    rows = [
        (one.number, one.published_at.isoformat(), LANGUAGE_NAMES.get(code, code), text)
        for one in found
        for code, text in sorted(one.content.items())
    ]
    head = (_("Version"), _("Published on"), _("Language"), _("Text"))
    return sheet(f"{seat.slug}-charter-{kind}.csv", head, rows)


@post("/charter", status_code=303)
async def publish(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    typed_ = await typed(request)
    look = await workspaces.look(seat.slug)
    kind = _kind(request)
    after = str(typed_.get("after", ""))
    try:
        version = await charters.publish(
            kind,
            _texts(typed_, look),
            main_language=look.language,
            after=int(after) if after.isdecimal() and len(after) < 9 else None,  # noqa: PLR2004
            by=by,
            now=now,
        )
    except Invalid as no:
        errors: Any = {f"text_{code}": text for code, text in no.fields.items()}
        return await _page(request, asking, by, seat, (422, errors, typed_))
    except CharterMoved as no:
        return await _page(request, asking, by, seat, (409, {"": str(no)}, typed_))
    said = _("Version %(number)s is in force.", number=version.number)
    return away(asking, f"/w/{seat.slug}/charter?kind={kind}", said=said)


def _texts(typed_: dict[str, Any], look: Look) -> dict[str, str]:
    """The text that was typed in each language of the workspace."""
    return {
        code: clean(text)
        for code in look.languages
        if isinstance(text := typed_.get(f"text_{code}", ""), str)
    }


def _number(request: Request[Any, Any, Any], name: str) -> int | None:
    text = request.query_params.get(name, "")
    if text and not (text.isdecimal() and text.isascii() and len(text) < 9):  # noqa: PLR2004
        raise NotFound
    return int(text) if text else None


def _kind(request: Request[Any, Any, Any]) -> Kind:
    try:
        return Kind(request.query_params.get("kind", Kind.COMMUNITY))
    except ValueError as error:
        raise NotFound from error


async def _page(
    request: Request[Any, Any, Any],
    asking: Asking,
    by: Actor,
    seat: Seat,
    refused: tuple[int, Any, dict[str, Any]] | None = None,
) -> Response[str]:
    kind = _kind(request)
    async with scoped(by, readonly=True):
        look = await workspaces.look(seat.slug)
        in_force = await charters.current(kind)
        found = await charters.versions(
            kind, before=_number(request, "before"), limit=VERSIONS + 1
        )
    status, errors, typed_ = refused or (200, {}, _kept(look, in_force))
    shown = found[:VERSIONS]
    href = f"/w/{seat.slug}/charter?kind={kind}"
    return page(
        asking,
        "organize/charter.html",
        status=status,
        workspace=look,
        tab="charter",
        kind=kind.value,
        kinds=[(one.value, str(name)) for one, name in KIND_NAMES.items()],
        in_force=in_force,
        # What the writer looks at now; after a refusal, the version she must compare with.
        after=in_force.number if in_force else 0,
        versions=shown,
        languages=[(code, LANGUAGE_NAMES[code]) for code in _main_first(look)],
        next_href=f"{href}&before={shown[-1].number}" if len(found) > VERSIONS else None,
        errors=errors,
        typed=typed_,
    )


def _kept(look: Look, in_force: Version | None) -> dict[str, Any]:
    content = in_force.content if in_force else {}
    return {f"text_{code}": content.get(code, "") for code in look.languages}


def _main_first(look: Look) -> list[str]:
    """The languages of the brand, the one of its letters before the others."""
    return sorted(look.languages, key=lambda code: code != look.language)


PUBLIC: list[ControllerRouterHandler] = [public_charter]
OWNERS: list[ControllerRouterHandler] = [edit, versions_file, publish]
