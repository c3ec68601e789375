"""Headings: which column of a file says what, in French or English, however it is typed.

Headings are compared without marks of byte order, accents, case, hyphens or doubled
spaces. What is not known is reported and kept out; what would give a right, or is no
business of ours, is never read.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from server.forms import calm


class Kind(StrEnum):
    """What a file is about."""

    MEMBERS = "members"
    ACTIVITY = "activity"
    ATTENDANCE = "attendance"


_EMAIL = (
    "email", "e mail", "mail", "courriel", "adresse email", "adresse e mail",
    "email address",
    "e mail address", "adresse mail", "adresse electronique", "adresse courriel",
    "adresse de courriel", "adresse de messagerie", "buyer email",
)  # fmt: skip
_HANDLE = (
    "handle", "username", "user name", "pseudo", "pseudonyme", "nom d utilisateur",
    "identifiant", "user id", "login", "account address", "author", "auteur", "account",
    "compte", "discord", "url of member profile", "url du profil de membre",
)  # fmt: skip
_NAME = (
    "name", "full name", "nom", "nom complet", "nom et prenom", "prenom nom",
    "prenom et nom",
    "display name", "attendee name", "nom affiche", "member name", "nom du membre", "who",
)  # fmt: skip
_FIRST = ("first name", "firstname", "prenom", "given name", "prenoms")
_LAST = (
    "last name", "lastname", "surname", "family name", "nom de famille", "nom famille",
)  # fmt: skip
_PERSON = {
    "email": _EMAIL,
    "handle": _HANDLE,
    "name": _NAME,
    "first_name": _FIRST,
    "last_name": _LAST,
}

_SYNONYMS: dict[Kind, dict[str, tuple[str, ...]]] = {
    Kind.MEMBERS: _PERSON | {
        "joined_on": (
            "joined", "joined on", "joined at", "join date", "created at", "member since",
            "joined group on", "inscrit le", "inscrite le", "date d inscription",
            "arrive le",
            "rejoindre le groupe le", "membre depuis", "date d arrivee", "date d adhesion",
            "registered on", "inscription",
        ),
        "language": ("language", "langue", "lang", "locale"),
        "community": ("community", "communaute"),
    },
    Kind.ACTIVITY: _PERSON | {
        "external_id": (
            "external id", "post id", "message id", "activity id", "identifiant externe",
            "id externe", "id", "numero", "uuid", "url", "lien", "permalink",
        ),
        "kind": (
            "kind", "type", "genre", "action", "nature", "activity type", "post type",
            "type d activite",
        ),
        "at": (
            "at", "date", "time", "timestamp", "created at", "date et heure", "horodatage",
            "le", "moment", "publish time", "posted at", "date time", "datetime",
            "publie le", "date de publication", "heure",
        ),
    },
    Kind.ATTENDANCE: _PERSON | {
        "meetup": (
            "meetup", "rencontre", "event", "event name", "evenement", "soiree", "titre",
            "nom de la rencontre", "nom de l evenement", "meetup name",
        ),
        "date": (
            "date", "starts at", "start", "event date", "event start date", "meetup date",
            "date de la rencontre", "date de l evenement", "le", "debut", "day",
            "jour",
        ),
        "status": (
            "status", "statut", "attendance", "presence", "etat", "approval status",
            "attendee status", "checked in", "rsvp", "venu", "venue a la rencontre",
        ),
        "series": ("series", "serie", "cycle"),
        "venue": ("venue", "lieu", "place", "location", "salle", "endroit"),
        "capacity": ("capacity", "capacite", "places", "seats", "jauge"),
        "checked_in_at": (
            "checked in at", "check in time", "scanned date", "arrivee", "arrive a",
            "heure d arrivee", "entree", "scanne le", "pointe a",
        ),
    },
}  # fmt: skip

_KEPT_OUT = frozenset({
    "role", "roles", "is admin", "admin", "administrateur", "administrator", "owner",
    "is owner", "moderator", "moderateur", "is moderator", "workspace",
    "workspace id",
    "workspace slug", "espace", "marque", "password", "password hash", "mot de passe",
    "token",
    "ip", "ip address", "adresse ip", "registration ip address", "is insider",
    "permissions",
})  # fmt: skip

LONGEST_HEADING = 300
_SEPARATORS = re.compile(r"[\s_\-./:'’*()]+")
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")


@dataclass(frozen=True)
class Columns:
    """Where each thing stands in a row, and what was left aside."""

    headings: list[str]
    at: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    kept_out: list[str] = field(default_factory=list)

    def has(self, *names: str) -> bool:
        """Is one of these there?"""
        return any(name in self.at for name in names)

    def said(self, row: list[str], name: str) -> str:
        """What a row says there; nothing where it stops short."""
        index = self.at.get(name)
        return row[index].strip() if index is not None and index < len(row) else ""


def plain(heading: str) -> str:
    """A heading as it is compared."""
    text = _INVISIBLE.sub(" ", unicodedata.normalize("NFC", calm(heading, LONGEST_HEADING)))
    letters = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(one for one in letters if not unicodedata.combining(one))
    return _SEPARATORS.sub(" ", bare).strip()


def match(headings: list[str], kind: Kind) -> Columns:
    """What each column says, by its heading; the first of two wins."""
    columns = Columns([_INVISIBLE.sub("", one).strip()[:100] for one in headings])
    names = {
        synonym: name
        for name, synonyms in _SYNONYMS[kind].items()
        for synonym in (*synonyms, name.replace("_", " "))
    }
    for index, heading in enumerate(columns.headings):
        text = plain(heading)
        name = names.get(text)
        if text in _KEPT_OUT:
            columns.kept_out.append(heading)
        elif name is None:
            if heading:
                columns.unknown.append(heading)
        elif name in columns.at:
            columns.twice.append(heading)
        else:
            columns.at[name] = index
    return columns


def missing(columns: Columns, kind: Kind) -> list[str]:
    """What the file must say and does not: sets of names, any one of which will do."""
    needed = {
        Kind.MEMBERS: (("email", "handle", "name", "first_name"),),
        Kind.ACTIVITY: (("handle", "email"), ("kind",), ("at",)),
        Kind.ATTENDANCE: (
            ("email", "handle", "name", "first_name"),
            ("meetup",),
            ("date",),
        ),
    }
    return ["/".join(names) for names in needed[kind] if not columns.has(*names)]


def name_in(columns: Columns, row: list[str]) -> str:
    """The person's name, in one column or two."""
    whole = columns.said(row, "name")
    first, last = columns.said(row, "first_name"), columns.said(row, "last_name")
    if first and last:
        return f"{first} {last}"
    if first and whole and whole != first and "last_name" not in columns.at:
        # « Nom » beside « Prénom » is the family name.
        return whole if first.casefold() in whole.casefold() else f"{first} {whole}"
    return whole or first or last
