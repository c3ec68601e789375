"""The story of the demo: an invented community whose truth is known, made from a seed.

Pure: the same seed tells the same story. Rates are lognormal and drift from week to week,
as in `docs/metrics.md`; coming to a meetup raises what somebody does online by a known
factor that fades, so that the reports have something true to find.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from server.i18n import zone

FIRST_NAMES = (
    "Inès", "Malo", "Camille", "Yanis", "Léa", "Théo", "Zoé", "Nino", "Jade", "Ilyes",
    "Alice", "Sacha", "Lina", "Noé", "Rose", "Amir", "Chloé", "Eliott", "Manon",
    "Basile", "Nour", "Gabin", "Ambre", "Oscar", "Salomé", "Tiago", "Maëlle", "Ismaël",
    "Capucine", "Victor", "Anouk", "Lucien", "Romane", "Elias", "Suzanne", "Marius",
    "Assia", "Félix", "Louison", "Kenza", "Gaspard", "Bérénice", "Idris", "Colette",
    "Milo", "Apolline", "Rayan", "Simone", "Achille", "Farah", "Joseph", "Margaux",
    "Soan", "Violette", "Aylin", "Côme", "Esther", "Naïm",
)  # fmt: skip
LAST_NAMES = (
    "Berthier", "Diallo", "Moreau", "Nguyen", "Lambert", "Haddad", "Roche", "Colin",
    "Ferreira", "Blanc", "Traoré", "Marchand", "Petit", "Kaya", "Girard", "Lopez",
    "Fontaine", "Benali", "Renard", "Costa", "Chevalier", "Diop", "Perrin", "Weber",
    "Aubert", "Santos", "Roux", "Leclerc", "Mansouri", "Faure", "Garnier", "Lefort",
    "Vidal", "Barbier", "Cohen", "Poirier", "Meunier", "Da-Silva", "Tessier",
)  # fmt: skip
KINDS = ("post", "reply", "reply", "reply", "answer", "like", "like", "view")
EFFECT = 0.45
LINKED = 0.85
FADE = 0.88


@dataclass
class Person:
    """One invented member."""

    name: str
    email: str
    handle: str
    joined_on: date
    rate: float
    reliability: float
    links: bool
    boosts: list[date] = field(default_factory=list)


@dataclass(frozen=True)
class Evening:
    """One past meetup: who wanted to come, and who did."""

    on: date
    registered: tuple[int, ...]
    came: frozenset[int]


@dataclass(frozen=True)
class Online:
    """One act of somebody, as a forum would tell it."""

    external_id: str
    handle: str
    kind: str
    at: datetime


class Story:
    """A community from its seed, up to a day."""

    def __init__(self, people: int, *, today: date, seed: int = 7) -> None:
        self.random = Random(seed)  # noqa: S311 - an invented story, not a secret
        self.today = today
        self.people = [self._person(number) for number in range(people)]

    def _person(self, number: int) -> Person:
        random = self.random
        first = FIRST_NAMES[number % len(FIRST_NAMES)]
        last = LAST_NAMES[(number * 7 + number // len(FIRST_NAMES)) % len(LAST_NAMES)]
        plain = _plain(f"{first}.{last}")
        joined = self.today - timedelta(days=random.randint(260, 900))
        return Person(
            name=f"{first} {last.replace('-', ' ')}",
            email=f"{plain}.{number}@lunatiques.example",
            handle=f"{_plain(first)}_{number}",
            joined_on=joined,
            rate=math.exp(random.gauss(math.log(0.9), 1.0)),
            reliability=random.gauss(0.55, 0.9),
            links=random.random() < LINKED,
        )

    def evening(self, on: date, *, wanted: int) -> Evening:
        """Draw who registers and who comes; what they do online afterwards follows."""
        random = self.random
        weights = [one.rate**0.4 for one in self.people]
        chosen: dict[int, None] = {}
        while len(chosen) < min(wanted, len(self.people)):
            chosen.update(
                dict.fromkeys(random.choices(range(len(self.people)), weights, k=20))
            )
        registered = tuple(list(chosen)[:wanted])
        came = frozenset(
            number
            for number in registered
            if random.random() < 1 / (1 + math.exp(-self.people[number].reliability))
        )
        for number in came:
            self.people[number].boosts.append(on)
        return Evening(on, registered, came)

    def online(self, *, days: int, time_zone: str) -> Iterator[Online]:
        """What everybody did online in the last days, day by day."""
        local = zone(time_zone)
        random = self.random
        states = [random.gauss(0, 0.6) for _ in self.people]
        number = 0
        for back in range(days, 0, -1):
            day = self.today - timedelta(days=back)
            if day.weekday() == 0:
                states = [0.7 * one + random.gauss(0, 0.43) for one in states]
            for person, state in zip(self.people, states, strict=True):
                rate = person.rate * math.exp(state + _boost(person, day)) / 7
                for _ in range(_poisson(random, rate)):
                    number += 1
                    at = datetime(day.year, day.month, day.day, tzinfo=local) + timedelta(
                        minutes=random.randint(8 * 60, 23 * 60)
                    )
                    yield Online(f"p{number}", person.handle, random.choice(KINDS), at)


def _boost(person: Person, day: date) -> float:
    """How much past meetups still raise the log of somebody's rate on this day."""
    weeks = ((day - on).days / 7 for on in person.boosts if on < day)
    return sum((EFFECT * math.pow(FADE, passed) for passed in weeks), 0.0)


def _poisson(random: Random, rate: float) -> int:
    """A Poisson draw for the small rates we have (Knuth's product of uniforms)."""
    limit, product, count = math.exp(-min(rate, 20)), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count


def _plain(text: str) -> str:
    table = str.maketrans("àâäçéèêëîïôöùûüÿœ", "aaaceeeeiioouuuyo")
    return text.lower().translate(table)
