"""Letters: mail as rows, written with the change that causes them and sent by a job.

A letter is rendered when it is posted, in the reader's language and the workspace's voice.
What weighs (a ticket as PDF, a calendar entry) is made when it is sent, by a maker that the
concept registers under a name. A refusal of the moment is tried again for two days; a
refusal for good is a bounce. A letter with a `once` key is written once.
"""

import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import aiosmtplib
import css_inline
import msgspec
from piccolo.columns import JSONB, Integer, Text, Timestamptz
from piccolo.columns import UUID as UuidColumn

from server import colors, jobs
from server.clock import utc_now
from server.database import NOWHERE, Row, one, scoped, sql, uuid7
from server.i18n import use
from server.look import Look
from server.rendering import render
from server.settings import Settings

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=4)
GIVE_UP = timedelta(days=2)
CLAIM_LIFE = timedelta(minutes=5)  # longer than any server may keep us waiting

log = logging.getLogger("apero.mail")


class Letter(Row):
    """One mail to one person."""

    workspace_id = UuidColumn(null=True, default=None)
    kind = Text()
    once_key = Text(null=True, default=None)
    recipient = Text()
    language = Text()
    sender_name = Text()
    reply_to = Text()
    subject = Text()
    body_text = Text()
    body_html = Text()
    makers = JSONB()
    unsubscribe_href = Text()
    created_at = Timestamptz()
    attempts = Integer()
    message_id = Text(null=True, default=None)
    claimed_at = Timestamptz(null=True, default=None)
    sent_at = Timestamptz(null=True, default=None)
    bounced_at = Timestamptz(null=True, default=None)
    failed_at = Timestamptz(null=True, default=None)
    error = Text()


class Written(msgspec.Struct):
    """A letter as it is read back, to be sent or shown."""

    id: UUID
    workspace_id: UUID | None
    kind: str
    recipient: str
    language: str
    sender_name: str
    reply_to: str
    subject: str
    body_text: str
    body_html: str
    makers: list[list[str]]
    unsubscribe_href: str
    created_at: datetime
    attempts: int
    message_id: str | None
    sent_at: datetime | None
    bounced_at: datetime | None
    failed_at: datetime | None
    error: str


@dataclass(frozen=True)
class Enclosure:
    """Something that goes with a letter; with `cid` it is shown inside it."""

    filename: str
    media_type: str
    content: bytes
    cid: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()


Maker = Callable[[UUID, UUID], Awaitable[Enclosure | None]]
_makers: dict[str, Maker] = {}


def maker(name: str) -> Callable[[Maker], Maker]:
    """Register what makes an enclosure from (workspace id, row id) when a letter is sent."""  # noqa: E501

    def register(make: Maker) -> Maker:
        _makers[name] = make
        return make

    return register


# Rules


def pause_before(attempt: int) -> timedelta:
    """How long to wait after so many refusals of the moment: doubling, then four hours."""
    return min(FIRST_PAUSE * (1 << min(attempt, 12)), LONGEST_PAUSE)


def is_final(code: int) -> bool:
    """Is this SMTP answer a refusal for good (RFC 5321, section 4.2.1)?"""
    return 500 <= code < 600  # noqa: PLR2004


# Commands


async def post(
    kind: str,
    *,
    to: str,
    language: str,
    context: Mapping[str, Any],
    workspace: Look | None = None,
    makers: Sequence[tuple[str, UUID]] = (),
    once: str | None = None,
    unsubscribe_href: str = "",
    now: datetime,
) -> UUID | None:
    """Write a letter and queue its sending, in the current transaction.

    Renders `mail/<kind>.txt` (its first line is the subject) and `mail/<kind>.html`.
    None when a letter with this `once` key was written before.
    """
    with use(language):
        shown = {"unsubscribe_href": unsubscribe_href, **context}
        words = _rendered(kind, language, workspace, shown)
        sender_name = workspace.sender_name if workspace else "Apéro"
        if workspace and workspace.logo_id:
            makers = [*makers, ("logo", workspace.logo_id)]
    id_ = uuid7()
    row = await one(
        "INSERT INTO letter (id, workspace_id, kind, once_key, recipient, language,"
        " sender_name, reply_to, subject, body_text, body_html, makers, created_at,"
        " unsubscribe_href)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::jsonb, $13, $14)"
        " ON CONFLICT (workspace_id, once_key) DO NOTHING RETURNING id",
        id_,
        workspace.id if workspace else None,
        kind,
        once,
        to,
        language,
        sender_name,
        workspace.reply_to if workspace else "",
        *words,
        json.dumps([[name, str(about)] for name, about in makers]),
        now,
        unsubscribe_href,
    )
    if row is None:
        return None
    await jobs.enqueue("send_letter", _ticket(id_, workspace.id if workspace else None))
    return id_


def _rendered(
    kind: str, language: str, workspace: Look | None, context: Mapping[str, Any]
) -> tuple[str, str, str]:
    """The subject, the text and the HTML of a letter, in the workspace's voice."""
    shown = {
        "workspace": workspace.in_letters() if workspace else None,
        "lang": language,
        "brand": colors.brand(workspace.color) if workspace else None,
        **context,
    }
    subject, _, text = render(f"mail/{kind}.txt", **shown).strip().partition("\n")
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True)
    html = inliner.inline(render(f"mail/{kind}.html", **shown))
    return " ".join(subject.split())[:200], text.strip() + "\n", html


def _ticket(letter_id: UUID, workspace_id: UUID | None) -> dict[str, Any]:
    return {"letter": str(letter_id), "workspace": str(workspace_id or "")}


async def _claimed(
    letter_id: UUID, scope: frozenset[UUID], ticket: dict[str, Any]
) -> Written | None:
    """The letter, for this job alone; a job that finds it taken looks again later."""
    async with scoped(scope):
        taken = await one(
            "UPDATE letter SET claimed_at = $2 WHERE id = $1 AND sent_at IS NULL"
            " AND failed_at IS NULL AND (claimed_at IS NULL OR claimed_at < $3) RETURNING id",  # noqa: E501
            letter_id,
            utc_now(),
            utc_now() - CLAIM_LIFE,
        )
        found = await letter(letter_id)
        if taken is None and found and found.sent_at is None and found.failed_at is None:
            await jobs.enqueue("send_letter", ticket, after=CLAIM_LIFE)
    return found if taken else None


class Postman:
    """Sends letters over SMTP as the settings say; without SMTP they stay in the mailbox."""  # noqa: E501

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        jobs.job("send_letter")(self.deliver)

    async def deliver(self, ticket: dict[str, Any]) -> None:
        """Send one letter; twice is once."""
        scope = frozenset({UUID(ticket["workspace"])}) if ticket["workspace"] else NOWHERE
        letter = await _claimed(UUID(ticket["letter"]), scope, ticket)
        if letter is None:
            return
        try:
            message = await self._message(letter)
            await self._send(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            worst = max(error.recipients, key=lambda one_: one_.code)
            await self._refused(letter, scope, worst.code, worst.message)
        except aiosmtplib.SMTPDataError as error:
            await self._refused(letter, scope, error.code, error.message)
        except aiosmtplib.SMTPResponseException as error:
            # Our name, our password, our sender: no fault of this letter, so not for good.
            await self._refused(letter, scope, 0, f"{error.code} {error.message}")
        except (aiosmtplib.SMTPException, OSError) as error:
            await self._refused(letter, scope, 0, type(error).__name__)
        except Exception as error:
            log.exception("letter.broken", extra={"letter": str(letter.id)})
            await self._refused(letter, scope, 0, type(error).__name__)
        else:
            async with scoped(scope):
                await self._sent(letter, message["Message-ID"])

    async def _sent(self, letter: Written, message_id: str) -> None:
        # A sign-in link must not outlive its letter, except where a page shows the mailbox.
        hide = letter.workspace_id is None and not self.settings.has_mailbox
        await sql(
            "UPDATE letter SET sent_at = $2, attempts = attempts + 1, message_id = $3,"
            " body_text = CASE WHEN $4 THEN '' ELSE body_text END,"
            " body_html = CASE WHEN $4 THEN '' ELSE body_html END WHERE id = $1",
            letter.id,
            utc_now(),
            message_id,
            hide,
        )

    async def _refused(
        self, letter: Written, scope: frozenset[UUID], code: int, why: str
    ) -> None:
        now = utc_now()
        final = is_final(code)
        given_up = final or now - letter.created_at > GIVE_UP
        async with scoped(scope):
            await sql(
                "UPDATE letter SET attempts = attempts + 1, error = $2, claimed_at = NULL,"
                " bounced_at = CASE WHEN $3 THEN $5::timestamptz END,"
                " failed_at = CASE WHEN $4 THEN $5::timestamptz END"
                " WHERE id = $1",
                letter.id,
                f"{code} {why}".strip()[:300],
                final,
                given_up,
                now,
            )
            if not given_up:
                await jobs.enqueue(
                    "send_letter",
                    _ticket(letter.id, letter.workspace_id),
                    after=pause_before(letter.attempts),
                )
        log.warning("letter.refused", extra={"letter": str(letter.id), "code": code})

    async def _message(self, letter: Written) -> EmailMessage:
        """The letter as MIME: text, HTML with its pictures, a calendar part, enclosures."""
        message = EmailMessage(policy=policy.SMTP)
        sender = self.settings.mail_from
        message["From"] = Address(" ".join(letter.sender_name.split()), addr_spec=sender)
        message["To"] = Address(addr_spec=letter.recipient)
        message["Subject"] = letter.subject
        message["Date"] = format_datetime(utc_now())
        message["Message-ID"] = f"<{letter.id.hex}@{sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message["Content-Language"] = letter.language
        if letter.reply_to:
            message["Reply-To"] = Address(addr_spec=letter.reply_to)
        if letter.unsubscribe_href:  # one gesture in the mail program (RFC 8058)
            message["List-Unsubscribe"] = f"<{letter.unsubscribe_href}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(letter.body_text)
        message.add_alternative(letter.body_html, subtype="html")
        _enclose(message, await enclosures(letter))
        return message

    async def _send(self, message: EmailMessage) -> None:
        if self.settings.smtp_url is None:
            return
        url = urlsplit(self.settings.smtp_url)
        tls = url.scheme == "smtps"
        options = parse_qs(url.query)
        wish = options.get("starttls", [""])[0]
        # A password never crosses the network in the clear because somebody hid STARTTLS.
        starttls = True if wish == "always" or url.username else None
        if tls or wish == "never":
            starttls = False
        context = ssl.create_default_context(cafile=(options.get("ca") or [""])[0] or None)
        await aiosmtplib.send(
            message,
            hostname=url.hostname or "localhost",
            port=url.port or (465 if tls else 587),
            username=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            use_tls=tls,
            start_tls=starttls,
            tls_context=context,
            timeout=20,
        )


async def _made(name: str, workspace_id: UUID | None, about: UUID) -> Enclosure | None:
    if workspace_id is None or name not in _makers:
        return None
    return await _makers[name](workspace_id, about)


def _enclose(message: EmailMessage, enclosures: Sequence[Enclosure]) -> None:
    html = message.get_body(("html",))
    for one_ in enclosures:
        main, _, sub = one_.media_type.partition("/")
        if one_.cid and isinstance(html, EmailMessage):
            html.add_related(
                one_.content, main, sub, cid=f"<{one_.cid}>", filename=one_.filename
            )
        else:
            message.add_attachment(
                one_.content,
                maintype=main,
                subtype=sub,
                filename=one_.filename,
                params=dict(one_.parameters) or None,
            )


# Queries


async def enclosures(letter: Written) -> list[Enclosure]:
    """What goes with a letter, made anew each time."""
    return [
        made
        for name, about in letter.makers
        if (made := await _made(name, letter.workspace_id, UUID(about))) is not None
    ]


_WRITTEN = (
    "SELECT id, workspace_id, kind, recipient, language, sender_name, reply_to, subject,"
    " body_text, body_html, makers::text, unsubscribe_href, created_at, attempts,"
    " message_id, sent_at, bounced_at, failed_at, error FROM letter"
)


def _written(row: Any) -> Written:  # noqa: ANN401 - asyncpg's record
    return msgspec.convert({**row, "makers": json.loads(row["makers"])}, Written)


async def letters(*, before: UUID | None = None, limit: int = 50) -> list[Written]:
    """The latest letters of the workspaces in view and of none, newest first."""
    rows = await sql(
        f"{_WRITTEN} WHERE ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2",
        before,
        limit,
    )
    return [_written(row) for row in rows]


async def letter(letter_id: UUID) -> Written | None:
    """One letter, if it is in view."""
    rows = await sql(f"{_WRITTEN} WHERE id = $1", letter_id)
    return _written(rows[0]) if rows else None
