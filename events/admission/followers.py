"""Followers: people told of each edition of a series, who say yes to each by themselves.

Following is not registering. An address follows once whoever reads it has said so on the
page that a letter names; one gesture stops it, from any letter. Each edition that is
published writes one letter to each follower, through a job, a few at a time; so does its
moving, its postponement and its cancellation, to whoever did not register for it: those
who did have letters of their own.
"""

import base64
import hmac
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Bytea, Text, Timestamptz

from events.admission.passes import day_of
from events.admission.tickets import Keys, capability_hash, keys_of
from events.people import members
from events.planning import drafts, meetups, venues
from events.planning.meetups import Meetup, Stage
from events.planning.series import Series, SeriesLine
from server import audit, jobs, mail, workspaces
from server.audit import Actor, system
from server.clock import utc_now
from server.database import Record, atomic, find, one, scoped, sql, uuid7
from server.errors import NotFound, Refusal
from server.forms import clean
from server.i18n import LANGUAGES, use
from server.look import Look
from server.settings import Settings

AT_ONCE = 100  # letters written in one transaction
PATIENCE = timedelta(days=30)  # how long an unanswered wish is kept


class News(StrEnum):
    """What followers are told of an edition."""

    OPEN = "edition"
    MOVED = "edition_moved"
    POSTPONED = "edition_postponed"
    CANCELLED = "edition_cancelled"


class Follower(Record):
    """Somebody who wants to hear of each edition of one series."""

    series_id = UuidColumn()
    member_id = UuidColumn()
    language = Text()
    token_hash = Bytea()
    asked_at = Timestamptz()
    confirmed_at = Timestamptz(null=True, default=None)
    ended_at = Timestamptz(null=True, default=None)


class Following(msgspec.Struct, frozen=True):
    """A follower as her own page and her letters need her."""

    id: UUID
    series_id: UUID
    email: str | None
    language: str
    token_hash: bytes
    confirmed_at: datetime | None
    ended_at: datetime | None


class FollowerLine(msgspec.Struct, frozen=True):
    """A follower in the list of the team."""

    id: UUID
    member_id: UUID
    name: str
    email: str | None
    language: str
    confirmed_at: datetime


# Rules


def still_holds(news: News, stage: Stage) -> bool:
    """Is it true when it is written, or has something else happened since?"""
    found = {Stage.POSTPONED: News.POSTPONED, Stage.CANCELLED: News.CANCELLED}.get(stage)
    return news is found or (stage is Stage.PUBLISHED and news in {News.OPEN, News.MOVED})


def token_of(keys: Keys, follower_id: UUID) -> str:
    """The secret of the page on which a follower says yes or stops."""
    secret = keys.secrets[keys.current]
    made = hmac.digest(secret, b"apero follower v1" + follower_id.bytes, "sha256")
    return base64.b32encode(made).decode()[:26].lower()


def page_of(origin: str, look: Look, slug: str, token: str) -> str:
    """Where a follower says yes, or stops."""
    return f"{origin}/m/{look.slug}/s/{slug}/following/{token}"


# Commands


@atomic()
async def follow(
    series: SeriesLine,
    *,
    name: str,
    email: str,
    language: str,
    origin: str,
    workspace: Look,
    keys: Keys,
    by: Actor,
    now: datetime,
) -> None:
    """Ask the reader of this address whether she wants to follow, by letter."""
    member_id = await members.wished(email, name=name, language=language, by=by, now=now)
    id_ = uuid7()
    row = await one(
        "INSERT INTO follower (id, workspace_id, series_id, member_id, language,"
        " token_hash, asked_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (workspace_id, series_id, member_id) WHERE ended_at IS NULL"
        " DO UPDATE SET asked_at = excluded.asked_at RETURNING id",
        id_,
        by.workspace_id,
        series.id,
        member_id,
        language,
        capability_hash(token_of(keys, id_)),
        now,
    )
    assert row is not None  # noqa: S101 - RETURNING always answers
    found = await _keyed(await _following(row["id"]), keys)
    href = page_of(origin, workspace, series.slug, token_of(keys, found.id))
    await mail.post(
        "follow",
        to=email,
        language=language,
        workspace=workspace,
        context={"series": series, "href": href, "is_new": found.confirmed_at is None},
        once=f"follower:{found.id}:asked:{now.timestamp()}",
        now=now,
    )


async def _keyed(found: Following, keys: Keys) -> Following:
    """The follower with the secret of the key in use: an older key's page moves on."""
    wanted = capability_hash(token_of(keys, found.id))
    if wanted != found.token_hash:
        await sql(
            "UPDATE follower SET token_hash = $2 WHERE id = $1"
            " AND workspace_id = ANY (apero_scope())",
            found.id,
            wanted,
        )
    return found


@atomic()
async def confirm(token: str, *, series_id: UUID, by: Actor, now: datetime) -> None:
    """Begin to write to a follower; twice is once."""
    found = await by_token(token, series_id)
    if found.ended_at is not None:
        raise NotFound
    await sql(
        "UPDATE follower SET confirmed_at = coalesce(confirmed_at, $3)"
        " WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        found.id,
        now,
    )
    if found.confirmed_at is None:
        follower = await find(Follower, found.id)
        about = await find(Series, series_id)
        await members.belong([follower.member_id], about.community_id, by=by, now=now)
        await audit.note(by, "followed", follower, at=now)


@atomic()
async def stop(token: str, *, series_id: UUID, by: Actor, now: datetime) -> None:
    """Write no more to a follower; twice is once."""
    found = await by_token(token, series_id)
    if found.ended_at is None:
        await sql(
            "UPDATE follower SET ended_at = $3 WHERE workspace_id = $1 AND id = $2",
            by.workspace_id,
            found.id,
            now,
        )
        await audit.note(by, "unfollowed", await find(Follower, found.id), at=now)


@atomic()
async def remove(
    follower_id: UUID, series_id: UUID, *, by: Actor, now: datetime
) -> Follower:
    """Take somebody out of those who follow a series; twice is once."""
    found = await find(Follower, follower_id)
    if found.series_id != series_id:
        raise NotFound
    row = await one(
        "UPDATE follower SET ended_at = $3 WHERE workspace_id = $1 AND id = $2"
        " AND ended_at IS NULL RETURNING id",
        by.workspace_id,
        follower_id,
        now,
    )
    if row is not None:
        await audit.note(by, "removed_follower", found, at=now)
    return found


async def tell_followers(meetup: Meetup, news: News = News.OPEN, *, by: Actor) -> None:
    """Queue what is new of this edition, in the current transaction."""
    series_id: UUID | None = meetup.series_id
    if series_id is not None and await counted(series_id):
        wanted = {"workspace": str(by.workspace_id), "meetup": str(meetup.id), "after": ""}
        await jobs.enqueue("tell_followers", {**wanted, "news": news.value})


class Herald:
    """Tells followers of what is published, and prepares the editions to come."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.keys = keys_of(settings)
        jobs.job("tell_followers")(self.tell)
        jobs.every("23 4 * * *")(self.prepare_editions)
        jobs.every("53 3 * * *")(self.forget_unanswered)

    async def tell(self, wanted: dict[str, Any]) -> None:
        """Write the next letters; what is done twice is written once."""
        now = utc_now()
        async with scoped(frozenset({UUID(wanted["workspace"])})):
            look = await workspaces.look_at_work(UUID(wanted["workspace"]))
            if look is None:
                return
            meetup = await find(Meetup, UUID(wanted["meetup"]))
            news = News(wanted.get("news", News.OPEN))
            if not still_holds(news, meetups.stage(meetup, now)):
                return
            some = await _followers(meetup, wanted["after"])
            for follower in some:
                await self._write(follower, meetup, news, look, now)
            if len(some) == AT_ONCE:
                again = {**wanted, "after": str(some[-1].id)}
                await jobs.enqueue("tell_followers", again)

    async def _write(
        self, follower: Following, meetup: Meetup, news: News, look: Look, now: datetime
    ) -> None:
        await _keyed(follower, self.keys)
        origin, where = self.settings.origin, await venues.place(meetup.venue_id)
        line = await one("SELECT slug, name FROM series WHERE id = $1", meetup.series_id)
        assert line is not None  # noqa: S101 - the meetup is of a series
        token = token_of(self.keys, follower.id)
        lang = follower.language if follower.language in LANGUAGES else look.language
        with use(lang):
            day = day_of(meetup.starts_at, meetup.ends_at, meetup.time_zone)
        about = "" if news is News.OPEN else f":{meetup.sequence}"
        await mail.post(
            "edition" if news is News.OPEN else "edition_changed",
            to=follower.email or "",
            language=lang,
            workspace=look,
            context={
                "meetup": meetup,
                "news": news.value,
                "series": line["name"],
                "day": day,
                "place": ", ".join(part for part in (where.name, where.address) if part)
                if where
                else "",
                "href": f"{origin}/m/{look.slug}/{meetup.slug}",
            },
            once=f"follower:{follower.id}:{news.value}:{meetup.id}{about}",
            unsubscribe_href=page_of(origin, look, line["slug"], token) + "/stop",
            now=now,
        )

    async def prepare_editions(self, now: datetime) -> None:
        """Draft the next editions of every series that goes on."""
        async with scoped(await workspaces.at_work(), readonly=True):
            rows = await sql(
                "SELECT DISTINCT s.workspace_id, s.id FROM series s JOIN recurrence r"
                " ON r.workspace_id = s.workspace_id AND r.series_id = s.id"
                " WHERE s.ended_at IS NULL AND s.capacity IS NOT NULL"
            )
        for row in rows:
            try:
                await drafts.prepare(
                    row["id"],
                    key_id=self.keys.current,
                    by=system(row["workspace_id"]),
                    now=now,
                )
            except Refusal:  # what stands in its way is said on its page
                continue

    async def forget_unanswered(self, now: datetime) -> None:
        """Drop the wishes nobody confirmed, and the people only they speak of."""
        async with scoped(await workspaces.everywhere()):
            await sql(
                "DELETE FROM follower WHERE confirmed_at IS NULL AND asked_at < $1",
                now - PATIENCE,
            )
            await members.forget_wished(now - PATIENCE)


# Queries

_FOLLOWING = (
    "SELECT f.id, f.series_id, m.email, f.language, f.token_hash, f.confirmed_at,"
    " f.ended_at FROM follower f JOIN member m ON m.workspace_id = f.workspace_id"
    " AND m.id = f.member_id WHERE f.workspace_id = ANY (apero_scope())"
)
_TOLD = (
    " AND f.confirmed_at IS NOT NULL AND f.ended_at IS NULL"
    " AND m.erased_at IS NULL AND coalesce(m.email, '') <> ''"
)


async def _following(follower_id: UUID) -> Following:
    found = await one(f"{_FOLLOWING} AND f.id = $1", follower_id, into=Following)
    if found is None:
        raise NotFound
    return found


async def by_token(token: str, series_id: UUID) -> Following:
    """The follower of this series who holds this secret, or NotFound."""
    found = await one(
        f"{_FOLLOWING} AND f.token_hash = $1 AND f.series_id = $2",
        capability_hash(token[:100]),
        series_id,
        into=Following,
    )
    if found is None:
        raise NotFound
    return found


async def _followers(meetup: Meetup, after: str) -> list[Following]:
    """The next people who are to be told, without those who registered for it."""
    return await sql(
        f"{_FOLLOWING}{_TOLD} AND f.series_id = $1 AND ($2::uuid IS NULL OR f.id > $2)"
        " AND NOT EXISTS (SELECT FROM registration r WHERE r.workspace_id = f.workspace_id"
        " AND r.meetup_id = $4 AND r.member_id = f.member_id"
        " AND r.status IN ('confirmed', 'waitlisted')) ORDER BY f.id LIMIT $3",
        meetup.series_id,
        UUID(after) if after else None,
        AT_ONCE,
        meetup.id,
        into=Following,
    )


async def counted(series_id: UUID) -> int:
    """How many people follow a series."""
    row = await one(
        "SELECT count(*) AS n FROM follower f WHERE f.workspace_id = ANY (apero_scope())"
        " AND f.series_id = $1 AND f.confirmed_at IS NOT NULL AND f.ended_at IS NULL",
        series_id,
    )
    return row["n"] if row else 0


_LINES = (
    "SELECT f.id, f.member_id, m.name, m.email, f.language, f.confirmed_at"  # noqa: S608
    " FROM follower f JOIN member m ON m.workspace_id = f.workspace_id"
    f" AND m.id = f.member_id WHERE f.workspace_id = ANY (apero_scope()){_TOLD}"
    " AND f.series_id = $1 AND ($2 = ''"
    " OR position(apero_plain($2) IN apero_plain(m.name)) > 0"
    " OR position(lower($2) IN m.email) > 0) AND ($3::uuid IS NULL OR f.id > $3)"
)


async def listing(
    series_id: UUID, *, search: str = "", after: UUID | None = None, limit: int = 50
) -> list[FollowerLine]:
    """Who follows a series, in the order they asked, paged by key."""
    return await sql(
        f"{_LINES} ORDER BY f.id LIMIT $4",
        series_id,
        clean(search),
        after,
        limit,
        into=FollowerLine,
    )
