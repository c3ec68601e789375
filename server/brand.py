"""A brand's settings: how it looks, sounds and counts, and its logo."""

import asyncio
import hashlib
import re
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from babel import numbers

from server import audit, mail, pictures
from server.audit import Actor
from server.database import atomic, scoped, sql
from server.errors import Conflict, Invalid, NotFound
from server.i18n import LANGUAGES, lazy, zone
from server.look import Look
from server.mail import Enclosure
from server.pictures import Kind
from server.workspaces import checked_color, look_by_id

LARGEST_HOUR = 10**12
NOT_A_SUM = lazy("Write a sum such as 1500 or 1500.50.")
NOT_A_SITE = lazy("Write addresses such as https://my-site.example, one a line.")
MOST_ORIGINS = 20
CODES = numbers.list_currencies()
PRINTED_SIDE = 240  # pixels; a document carries small pictures only
CHOOSE = lazy("Choose one of the answers offered.")
# What the settings offer first; any current one of ISO 4217 is accepted.
CURRENCIES = ("EUR", "CHF", "GBP", "USD", "CAD", "SEK", "NOK", "DKK", "PLN", "CZK", "JPY")


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the settings of a workspace say."""

    name: str
    color: str
    persona: str = ""
    persona_role: str = ""
    signature: str = ""
    tone: str = ""
    language: str
    languages: tuple[str, ...]
    time_zone: str
    currency: str
    sender: str = ""
    reply_to: str = ""
    hour_cents: int | None = None
    ranks_ambassadors: bool = False
    embed_origins: tuple[str, ...] = ()


class SettingsChanged(Conflict):
    message = lazy("Somebody changed these settings after you had opened them.")


# Rules


def brand_of(look: Look) -> Brand:
    """What the settings say now."""
    return Brand(**{name: getattr(look, name) for name in Brand.__struct_fields__})


def mark_of(look: Look) -> str:
    """A print of the settings: another one says that somebody changed them."""
    return hashlib.sha256(msgspec.json.encode(brand_of(look))).hexdigest()[:32]


def origin_of(address: str) -> str:
    """The site of an address as a browser names it, with its port if that is odd."""
    try:
        parts = urlsplit(address.strip())
        name = (parts.hostname or "").encode("idna").decode()
        port = parts.port
    except ValueError as error:  # also what no name can be written as
        raise Invalid(embed_origins=NOT_A_SITE) from error
    is_here = name in {"localhost", "127.0.0.1"}
    if parts.scheme not in ({"http", "https"} if is_here else {"https"}):
        raise Invalid(embed_origins=NOT_A_SITE)
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", name):
        raise Invalid(embed_origins=NOT_A_SITE)
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "")


def _origins(addresses: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(map(origin_of, addresses)))
    if len(found) > MOST_ORIGINS:
        raise Invalid(embed_origins=lazy("Twenty addresses at most."))
    return found


def checked(brand: Brand) -> Brand:
    """The settings as they can be kept. Raises Invalid with a sentence a field."""
    wrong: dict[str, object] = {}
    languages = tuple(code for code in LANGUAGES if code in brand.languages)
    if brand.language not in LANGUAGES:
        wrong["language"] = CHOOSE
    elif brand.language not in brand.languages:
        wrong["languages"] = lazy("Its pages speak the language of its letters at least.")
    elif set(brand.languages) - set(LANGUAGES):
        wrong["languages"] = CHOOSE
    try:
        zone(brand.time_zone)
    except (KeyError, ValueError, OSError):
        wrong["time_zone"] = CHOOSE
    if brand.currency not in CODES:
        wrong["currency"] = CHOOSE
    if brand.hour_cents is not None and not 0 <= brand.hour_cents <= LARGEST_HOUR:
        wrong["hour_cents"] = NOT_A_SUM
    try:
        color = checked_color(brand.color)
        origins = _origins(brand.embed_origins)
    except Invalid as no:
        wrong |= no.fields
    if not brand.name:
        wrong["name"] = lazy("This answer is missing.")
    if wrong:
        raise Invalid(**wrong)  # type: ignore[arg-type]
    return msgspec.structs.replace(
        brand, color=color, languages=languages, embed_origins=origins
    )


# Commands


@atomic()
async def held(workspace_id: UUID, *, by: Actor) -> Look:  # noqa: ARG001 - its scope
    """The workspace as it stands; whoever changes its settings too waits in line."""
    await sql("SELECT id FROM workspace WHERE id = $1 FOR UPDATE", workspace_id)
    return await look_by_id(workspace_id)


@atomic()
async def change(
    workspace: Look, brand: Brand, *, mark: str | None = None, by: Actor, now: datetime
) -> None:
    """Keep the settings; the log names what changed, without the values.

    With the `mark` of the settings somebody read, a change made meanwhile is refused.
    """
    kept = checked(brand)
    current = await held(workspace.id, by=by)
    if mark is not None and mark != mark_of(current):
        raise SettingsChanged
    before = brand_of(current)
    changed = [
        name
        for name in Brand.__struct_fields__
        if getattr(kept, name) != getattr(before, name)
    ]
    await sql(
        "UPDATE workspace SET name = $2, color = $3, persona = $4, persona_role = $5,"
        " signature = $6, tone = $7, language = $8, languages = $9, time_zone = $10,"
        " currency = $11, sender = $12, reply_to = $13, hour_cents = $14,"
        " ranks_ambassadors = $15, embed_origins = $16 WHERE id = $1",
        workspace.id,
        *(getattr(kept, name) for name in Brand.__struct_fields__),
    )
    await audit.note(by, "changed_workspace", workspace, fields=changed, at=now)


async def set_logo(content: bytes, *, by: Actor, now: datetime) -> UUID:
    """Draw the logo again and show it from now on; what cannot be read is Invalid."""
    async with scoped(by):
        picture_id = await pictures.keep(Kind.LOGO, content, by=by, now=now)
        await _point_at(picture_id, by=by, now=now)
    return picture_id


@atomic()
async def remove_logo(*, by: Actor, now: datetime) -> None:
    """Show no logo any more."""
    await _point_at(None, by=by, now=now)


async def _point_at(picture_id: UUID | None, *, by: Actor, now: datetime) -> None:
    # The old logo is nobody's proof: it goes once nothing shows it.
    await sql(
        "UPDATE workspace SET logo_id = $2 WHERE id = $1", by.workspace_id, picture_id
    )
    await sql(
        "DELETE FROM picture WHERE workspace_id = $1 AND kind = 'logo'"
        " AND id IS DISTINCT FROM $2",
        by.workspace_id,
        picture_id,
    )
    await audit.note(by, "changed_logo", at=now)


@mail.maker("logo")
async def logo_of_letters(workspace_id: UUID, picture_id: UUID) -> Enclosure | None:
    """The logo inside a letter; None once another one took its place."""
    async with scoped(frozenset({workspace_id}), readonly=True):
        try:
            found = await pictures.picture(picture_id)
        except NotFound:
            return None
    name = f"logo.{found.media_type.partition('/')[2]}"
    return Enclosure(name, found.media_type, found.content, cid="logo@apero")


# Queries


async def logo_for_print(workspace: Look) -> str:
    """The logo as an address that a document carries with it; "" without one."""
    if workspace.logo_id is None:
        return ""
    async with scoped(frozenset({workspace.id}), readonly=True):
        found = await pictures.picture(workspace.logo_id)
    return await asyncio.to_thread(pictures.written, found, PRINTED_SIDE)
