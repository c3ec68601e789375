"""Communities and their channels, for the team."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from events.people import channels, communities
from events.people.channels import ChannelKind
from events.people.communities import CommunityLine
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid
from server.forms import Form, Line, Prose, read
from server.i18n import gettext as _
from server.i18n import lazy, ngettext
from server.sheets import table
from server.web import Asking, away, page, typed
from server.workspaces import ORGANISERS, Seat

KINDS = {
    ChannelKind.DISCOURSE: "Discourse",
    ChannelKind.MASTODON: "Mastodon",
    ChannelKind.DISCORD: "Discord",
    ChannelKind.FORUM: lazy("Forum"),
    ChannelKind.OTHER: lazy("Other"),
}


class CommunityForm(Form, kw_only=True):
    name: Line
    description: Prose | None = None


class ChannelForm(Form, kw_only=True):
    name: Line
    kind: ChannelKind


@get("/communities")
async def list_communities(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    return await _communities(asking, by, seat)


@post("/communities", status_code=303)
async def make_community(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(CommunityForm, answers)
        made = await communities.make_community(
            form.name, description=form.description or "", by=by, now=now
        )
    except Invalid as no:
        return await _communities(asking, by, seat, answers, no.fields)
    except Conflict as no:
        return await _communities(asking, by, seat, answers, {"name": str(no)})
    path = f"/w/{seat.slug}/communities/{made.slug}"
    return away(asking, path, said=_("The community is there."))


async def _communities(
    asking: Asking,
    by: Actor,
    seat: Seat,
    answers: dict[str, Any] | None = None,
    errors: Any = None,  # noqa: ANN401 - sentences by field
) -> Response[Any]:
    async with scoped(by, readonly=True):
        found = await communities.communities()
    return page(
        asking,
        "organize/communities.html",
        status=422 if errors else 200,
        workspace=seat,
        communities=found,
        answers=answers or {},
        errors=errors or {},
    )


@get("/communities/{community_slug:str}")
async def community(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    community_slug: FromPath[str],
) -> Response[Any]:
    return await _community(asking, by, seat, community_slug)


@post("/communities/{community_slug:str}/channels", status_code=303)
async def make_channel(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    community_slug: FromPath[str],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(ChannelForm, answers)
        async with scoped(by):
            where = await communities.community_by_slug(community_slug)
            await channels.make_channel(where.id, form.name, form.kind, by=by, now=now)
    except Invalid as no:
        return await _community(asking, by, seat, community_slug, answers, no.fields)
    except Conflict as no:
        wrong = {"name": str(no)}
        return await _community(asking, by, seat, community_slug, answers, wrong)
    path = f"/w/{seat.slug}/communities/{community_slug}"
    return away(asking, path, said=_("The channel is there."))


async def _community(
    asking: Asking,
    by: Actor,
    seat: Seat,
    slug: str,
    answers: dict[str, Any] | None = None,
    errors: Any = None,  # noqa: ANN401 - sentences by field
) -> Response[Any]:
    async with scoped(by, readonly=True):
        found = await communities.community_by_slug(slug)
        places = await channels.channels(found.id)
        size = await communities.community_size(found.id)
    return page(
        asking,
        "organize/community.html",
        status=422 if errors else 200,
        workspace=seat,
        community=found,
        size=size,
        may_write=seat.role in ORGANISERS,
        channels=[_shelved(seat, one) for one in places],
        kinds=[(kind.value, str(label)) for kind, label in KINDS.items()],
        answers=answers or {},
        errors=errors or {},
    )


def _shelved(seat: Seat, channel: channels.ChannelLine) -> dict[str, Any]:
    known = ngettext(
        "%(num)s identity, ", "%(num)s identities, ", channel.identities
    ) + ngettext("%(num)s linked to a member", "%(num)s linked to members", channel.linked)
    return {
        "icon": "voice",
        "title": channel.name,
        "href": f"/w/{seat.slug}/channels/{channel.id}",
        "text": f"{KINDS[channel.kind]}. {known}",
    }


@get("/communities.csv")
async def communities_file(
    by: NamedDependency[Actor], seat: NamedDependency[Seat]
) -> Stream:
    head = [_("Name"), _("Description"), _("Members"), _("Channels")]

    async def every(_after: UUID | None, _limit: int) -> list[CommunityLine]:
        return await communities.communities()

    def cells(one: CommunityLine) -> list[object]:
        return [one.name, one.description, one.members, one.channels]

    return table(f"{seat.slug}-communities.csv", head, every, cells, by=by)


@get("/communities/{community_slug:str}/edit")
async def edit_community(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    community_slug: FromPath[str],
) -> Response[Any]:
    return await _form(asking, by, seat, community_slug)


@post("/communities/{community_slug:str}/edit", status_code=303)
async def change_community(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    seat: NamedDependency[Seat],
    now: NamedDependency[datetime],
    community_slug: FromPath[str],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(CommunityForm, answers)
        await communities.change_community(
            community_slug,
            name=form.name,
            description=form.description or "",
            by=by,
            now=now,
        )
    except Invalid as no:
        return await _form(asking, by, seat, community_slug, answers, no.fields)
    except Conflict as no:
        wrong = {"name": str(no)}
        return await _form(asking, by, seat, community_slug, answers, wrong)
    path = f"/w/{seat.slug}/communities/{community_slug}"
    return away(asking, path, said=_("The changes are kept."))


async def _form(
    asking: Asking,
    by: Actor,
    seat: Seat,
    slug: str,
    answers: dict[str, Any] | None = None,
    errors: Any = None,  # noqa: ANN401 - sentences by field
) -> Response[Any]:
    async with scoped(by, readonly=True):
        found = await communities.community_by_slug(slug)
    return page(
        asking,
        "organize/community_form.html",
        status=422 if errors else 200,
        workspace=seat,
        community=found,
        answers=answers or {"name": found.name, "description": found.description},
        errors=errors or {},
    )


READS = [communities_file]
WRITES = [edit_community, change_community]
TEAM = [list_communities, make_community, community, make_channel]
