"""Accounts: who can sign in, by a link in a letter or by a password.

A link lives ten minutes, is consumed once and by POST only, and belongs to the browser
that asked for it; another browser must type the six figures that the first one shows.
The answer to a request for a link is the same whoever asks. A session is a random token
of which only the hash is kept, made anew at each sign-in, revocable, and mortal.
"""

import contextlib
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import Text, Timestamptz

from server import audit, jobs, limits, mail
from server.audit import Actor
from server.database import NOWHERE, Row, atomic, one, scoped, sql, uuid7
from server.errors import Conflict, Invalid, NotSignedIn
from server.i18n import LANGUAGES, lazy
from server.passwords import Hasher, is_good_password

LINK_LIFE, LINK_ATTEMPTS = timedelta(minutes=10), 5
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
IDLE_LIFE = timedelta(hours=8)
WHOLE_LIFE = timedelta(hours=24)
SEEN_EVERY = timedelta(minutes=1)


class Account(Row):
    """Someone who can sign in."""

    email = Text()
    name = Text()
    language = Text()
    password_hash = Text(null=True, default=None)
    created_at = Timestamptz()
    disabled_at = Timestamptz(null=True, default=None)
    signed_in_at = Timestamptz(null=True, default=None)


class LinkUnusable(Conflict):
    message = lazy("This link was used or is too old. Ask for a new one.")


class CodeNeeded(Conflict):
    message = lazy("Type the six figures shown where you asked for the link.")


class LinkState(StrEnum):
    """What a link can still do for the browser that shows it."""

    READY = "ready"
    FIGURES = "figures"
    GONE = "gone"


class WrongPassword(NotSignedIn):
    message = lazy("This address and this password do not go together.")


@dataclass(frozen=True)
class Asked:
    """What the browser that asked for a link keeps and shows."""

    browser: str
    figures: str


class SignedIn(msgspec.Struct, frozen=True):
    """A live session and whose it is."""

    session_id: UUID
    account_id: UUID
    email: str
    name: str
    language: str
    seen_at: datetime
    expires_at: datetime


class LiveSession(msgspec.Struct):
    """One place where somebody is signed in."""

    id: UUID
    created_at: datetime
    seen_at: datetime
    address: str
    browser: str


# Rules


def digest(secret: str) -> bytes:
    """What is kept of a secret: 256 random bits need no salt."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


# Commands


@atomic()
async def account_for(
    email: str,
    *,
    name: str = "",
    language: str = "fr",
    by: Actor,  # noqa: ARG001 - atomic() reads it
    now: datetime,
) -> UUID:
    """The account of this address, made on the first call."""
    row = await one(
        "INSERT INTO account (id, email, name, language, created_at)"
        " VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (email) DO UPDATE SET email = excluded.email RETURNING id",
        uuid7(),
        email,
        name,
        language,
        now,
    )
    assert row is not None  # noqa: S101 - RETURNING always answers
    id_: UUID = row["id"]
    return id_


async def ask_link(
    email: str,
    *,
    next_path: str,
    origin: str,
    language: str,
    browser: str = "",
    by: Actor,
    now: datetime,
) -> Asked:
    """Send a link to this address; says what the asking browser must keep and show.

    `browser` is what it kept the last time: two links asked for in a row both work.
    """
    await limits.spend("link", f"{email} {by.address}", most=5, window=HOUR, now=now)
    await limits.spend("link", email, most=20, window=HOUR, now=now)
    await limits.spend("link", by.address, most=200, window=HOUR, now=now)
    asked = Asked(
        browser if re.fullmatch(r"[\w-]{32}", browser) else secrets.token_urlsafe(24),
        f"{secrets.randbelow(1_000_000):06d}",
    )
    token = secrets.token_urlsafe(32)
    async with scoped(NOWHERE):
        account = await account_for(email, language=language, by=by, now=now)
        await sql(
            "INSERT INTO magic_link (id, account_id, token_hash, browser_hash, code_hash,"
            " next_path, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            uuid7(),
            account,
            digest(token),
            digest(asked.browser),
            digest(token + asked.figures),
            next_path,
            now,
            now + LINK_LIFE,
        )
        await audit.note(by, "asked_link", at=now)
        await mail.post(
            "sign_in",
            to=email,
            language=language,
            context={"url": f"{origin}/sign-in/{token}"},
            now=now,
        )
    return asked


async def follow_link(
    token: str, *, browser: str, figures: str, agent: str, by: Actor, now: datetime
) -> tuple[str, str]:
    """Consume a link; gives the new session's token and where to go next."""
    try:
        await _prove_browser(token, browser=browser, figures=figures, now=now)
    except LinkUnusable:
        # Only what opens nothing counts: one guest must not lock a venue's address out.
        await limits.spend("follow", by.address, most=60, window=HOUR, now=now)
        raise
    async with scoped(NOWHERE):
        link = await one(
            "UPDATE magic_link SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL"
            " AND expires_at > $2 RETURNING account_id, next_path",
            digest(token),
            now,
        )
        if link is None:
            raise LinkUnusable
        session = await _open_session(link["account_id"], agent=agent, by=by, now=now)
    return session, link["next_path"]


async def _prove_browser(token: str, *, browser: str, figures: str, now: datetime) -> None:
    """The browser that asked needs nothing more; another has five tries at the figures."""
    link = await one(
        "SELECT browser_hash, code_hash, attempts FROM magic_link"
        " WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2",
        digest(token),
        now,
    )
    if link is None:
        raise LinkUnusable
    if browser and hmac.compare_digest(link["browser_hash"], digest(browser)):
        return
    if not figures:
        raise CodeNeeded
    tried = await one(
        "UPDATE magic_link SET attempts = attempts + 1 WHERE token_hash = $1"
        " AND attempts < $2 RETURNING code_hash",
        digest(token),
        LINK_ATTEMPTS,
    )
    if tried is None:
        raise LinkUnusable
    # The token salts the figures: who reads the table learns neither.
    if not hmac.compare_digest(
        tried["code_hash"], digest(token + "".join(figures.split()))
    ):
        raise CodeNeeded


async def sign_in_with_password(
    email: str, password: str, *, agent: str, by: Actor, now: datetime
) -> str:
    """A new session for whoever knows both; the same refusal whatever is wrong."""
    await limits.spend(
        "password", f"{email} {by.address}", most=10, window=QUARTER, now=now
    )
    await limits.spend("password", email, most=40, window=QUARTER, now=now)
    await limits.spend("password", by.address, most=200, window=QUARTER, now=now)
    account = await one(
        "SELECT id, password_hash FROM account WHERE email = $1 AND disabled_at IS NULL",
        email,
    )
    kept = account["password_hash"] if account else None
    if not await Hasher.matches(kept, password[:200]) or account is None:
        async with scoped(NOWHERE):
            await audit.note(by, "sign_in_failed", outcome="deny", at=now)
        raise WrongPassword
    async with scoped(NOWHERE):
        return await _open_session(account["id"], agent=agent, by=by, now=now)


async def set_password(
    account_id: UUID, password: str, *, keep: UUID | None, by: Actor, now: datetime
) -> None:
    """Set a password and end every other session of the account."""
    if not is_good_password(password):
        raise Invalid(
            password=lazy("Twelve characters or more: four words make a good one.")
        )
    hashed = await Hasher.hash(password)
    async with scoped(NOWHERE):
        await sql("UPDATE account SET password_hash = $2 WHERE id = $1", account_id, hashed)
        await end_sessions(account_id, but=keep, by=by, now=now)
        await audit.note(by, "set_password", at=now)


async def describe(
    account_id: UUID, *, name: str, language: str, by: Actor, now: datetime
) -> None:
    """Change how somebody is called and in which language we write."""
    if language not in LANGUAGES:
        raise Invalid(language=lazy("Choose one of the answers offered."))
    async with scoped(NOWHERE):
        await sql(
            "UPDATE account SET name = $2, language = $3 WHERE id = $1",
            account_id,
            name,
            language,
        )
        await audit.note(by, "described_account", fields=("name", "language"), at=now)


async def _open_session(account_id: UUID, *, agent: str, by: Actor, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    seen = "UPDATE account SET signed_in_at = $2 WHERE id = $1 AND disabled_at IS NULL"
    enabled = await one(f"{seen} RETURNING id", account_id, now)
    if enabled is None:
        raise LinkUnusable
    await sql(
        "INSERT INTO session (id, account_id, token_hash, created_at, seen_at, expires_at,"
        " address, browser) VALUES ($1, $2, $3, $4, $4, $5, $6, $7)",
        uuid7(),
        account_id,
        digest(token),
        now,
        now + WHOLE_LIFE,
        by.address,
        agent[:200],
    )
    await audit.note(by, "signed_in", at=now)
    return token


@atomic()
async def end_sessions(
    account_id: UUID,
    *,
    only: UUID | None = None,
    but: UUID | None = None,
    by: Actor,
    now: datetime,
) -> None:
    """Revoke sessions of an account: one, all, or all but one."""
    await sql(
        "UPDATE session SET revoked_at = $4 WHERE account_id = $1 AND revoked_at IS NULL"
        " AND ($2::uuid IS NULL OR id = $2) AND ($3::uuid IS NULL OR id <> $3)",
        account_id,
        only,
        but,
        now,
    )
    await audit.note(by, "ended_sessions", at=now)


@jobs.every("17 3 * * *")
async def forget_old(now: datetime) -> None:
    """Purge links and sessions that ended, and addresses that never came to anything."""
    old = now - timedelta(days=30)
    await sql("DELETE FROM magic_link WHERE expires_at < $1", old)
    await sql("DELETE FROM session WHERE expires_at < $1", old)
    await limits.sweep(now)
    idle = await sql(
        "SELECT id FROM account a WHERE created_at < $1 AND password_hash IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM session s WHERE s.account_id = a.id)"
        " AND NOT EXISTS (SELECT 1 FROM magic_link l WHERE l.account_id = a.id)"
        " ORDER BY id LIMIT 1000",
        old,
    )
    for row in idle:
        # A role, past or present, holds on to its account; the walls hide it from us.
        with contextlib.suppress(asyncpg.IntegrityConstraintViolationError):
            async with scoped(NOWHERE):
                await sql("DELETE FROM account WHERE id = $1", row["id"])


# Queries


async def signed_in(token: str, *, now: datetime) -> SignedIn | None:
    """The live session of this cookie, and the account behind it."""
    found = await one(
        "SELECT s.id AS session_id, a.id AS account_id, a.email, a.name, a.language,"
        " s.seen_at, s.expires_at FROM session s JOIN account a ON a.id = s.account_id"
        " WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2"
        " AND s.seen_at > $3 AND a.disabled_at IS NULL",
        digest(token),
        now,
        now - IDLE_LIFE,
        into=SignedIn,
    )
    if found and now - found.seen_at > SEEN_EVERY:
        await sql("UPDATE session SET seen_at = $2 WHERE id = $1", found.session_id, now)
    return found


async def link_state(token: str, *, browser: str, now: datetime) -> LinkState:
    """What this link can do for this browser; looking at it changes nothing."""
    link = await one(
        "SELECT browser_hash, attempts FROM magic_link"
        " WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2",
        digest(token),
        now,
    )
    if link is None:
        return LinkState.GONE
    if browser and hmac.compare_digest(link["browser_hash"], digest(browser)):
        return LinkState.READY
    return LinkState.FIGURES if link["attempts"] < LINK_ATTEMPTS else LinkState.GONE


async def has_password(account_id: UUID) -> bool:
    row = await one("SELECT password_hash FROM account WHERE id = $1", account_id)
    return row is not None and row["password_hash"] is not None


async def live_sessions(account_id: UUID, *, now: datetime) -> list[LiveSession]:
    """Where this account is signed in now."""
    return await sql(
        "SELECT id, created_at, seen_at, address, browser FROM session"
        " WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > $2 AND seen_at > $3"
        " ORDER BY seen_at DESC",
        account_id,
        now,
        now - IDLE_LIFE,
        into=LiveSession,
    )
