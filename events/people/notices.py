"""Notices: the short letters an ambassador gets about her term and her missions."""

from datetime import datetime

from events.people.mandates import Mandate
from server import mail
from server.i18n import LANGUAGES, Lazy, lazy, long_date, use
from server.i18n import gettext as _
from server.look import Look

# What each letter says; `reason` stands below it when somebody wrote one.
_LETTERS = {
    "applied": (
        lazy("Your application has arrived"),
        lazy("You would like to be an ambassador of %(brand)s. We read every application"
             " and answer each by letter."),
    ),
    "declined": (
        lazy("About your application"),
        lazy("You offered to be an ambassador of %(brand)s. For now we cannot say yes."),
    ),
    "ended": (
        lazy("Your term as an ambassador is over"),
        lazy("Your term as an ambassador of %(brand)s ends today, and your page closes with"
             " it. Thank you for the time you gave."),
    ),
}  # fmt: skip


# What is asked of her, for the letter that offers a term.
_WELCOME = (
    lazy("Your area: %(area)s."),
    lazy("What you get: %(perks)s"),
    lazy("First read the charter of ambassadors on your page: you are one once you"
         " accept it."),
    lazy("What we ask arrives by letter, one thing at a time. On your page you say that it"
         " is done, invite people, write your time down, or rest for as long as you like."),
    lazy("To open your page, sign in with this address, %(email)s: no password is needed,"
         " a link comes by letter."),
    lazy("If you would rather not, a word in answer to this letter is enough."),
)  # fmt: skip

# Rules


def _asked_of(found: Mandate) -> str:
    """The paragraphs of the letter that offers a term, without those that say nothing."""
    area, perks, charter, asked, door, no = _WELCOME
    told = (
        area % {"area": found.area} if found.area else "",
        perks % {"perks": found.perks} if found.perks else "",
        str(charter) if found.must_agree else "",
        str(asked),
        door % {"email": found.email or ""},
        str(no),
    )
    return "\n".join(one for one in told if one)


# Commands


async def tell(kind: str, found: Mandate, look: Look, once: str, now: datetime) -> None:
    """Write one of the letters about a mandate, once."""
    subject, text = _LETTERS[kind]
    await write(
        found,
        subject=subject,
        text=text,
        note=found.ended_reason,
        look=look,
        once=once,
        now=now,
    )


async def welcome(found: Mandate, look: Look, origin: str, now: datetime) -> None:
    """Offer her the term: from when to when, for whom, and what is asked of her."""
    lang = _language_of(found, look)
    with use(lang):
        days = {
            "first": long_date(found.starts_on) if found.starts_on else "",
            "last": long_date(found.ends_on) if found.ends_on else "",
        }
        asked = _asked_of(found)
    await write(
        found,
        subject=lazy("Ambassador of %(brand)s: your term"),
        text=lazy("%(brand)s would like you as an ambassador of its community"
                  " %(community)s, from %(first)s to %(last)s."),
        note=asked,
        url=f"{origin}/ambassador/{look.slug}",
        more={"community": found.community, **days},
        look=look,
        once=f"ambassador:{found.id}:accepted",
        now=now,
    )  # fmt: skip


def _language_of(found: Mandate, look: Look) -> str:
    return found.language if found.language in LANGUAGES else look.language


async def write(
    found: Mandate,
    *,
    subject: Lazy,
    text: Lazy,
    note: str = "",
    url: str = "",
    more: dict[str, str] | None = None,
    look: Look,
    once: str,
    now: datetime,
) -> None:
    """Write to an ambassador in her language; somebody without an address gets nothing."""
    if not found.email:
        return
    lang = _language_of(found, look)
    with use(lang):
        context = {
            "subject": subject % {"brand": look.name},
            "hello": _("Hello %(name)s,", name=next(iter(found.name.split()), "")),
            "text": text % {"brand": look.name, **(more or {})},
            "note": note,
            "url": url,
        }
    await mail.post(
        "ambassador",
        to=found.email,
        language=lang,
        workspace=look,
        context=context,
        once=once,
        now=now,
    )
