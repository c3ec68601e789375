"""Making things by the ordinary commands, for the demo and for the seeds."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from checkin import devices, sync
from checkin.facts import Mode
from events.admission import attendance, registrations, tickets
from events.admission.attendance import Past
from events.admission.registrations import Source
from events.engagement import imports, plans
from events.engagement.imports import Choices, Given, Kind
from events.people import channels, communities, members
from events.people.channels import ChannelKind
from events.planning import meetups
from events.planning.meetups import Meetup, Plan
from server import accounts, workspaces
from server.audit import Actor, ActorKind, system
from server.database import scoped, sql, uuid7
from server.demo.story import Evening, Online, Person
from server.i18n import zone
from server.look import Look
from server.settings import Settings
from server.workspaces import Role

AGREED = (
    "J’accepte qu’on rapproche ma venue aux rencontres de ce que je publie en ligne, pour"
    " savoir si les rencontres font du bien à la communauté."
)
SERIES = "L’apéro des Lunatiques"
ATTENDANCE = (
    "meetup", "date", "email", "name", "status", "series", "venue", "capacity",
    "checked_in_at",
)  # fmt: skip


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as a CSV file, as somebody would bring it."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(headings)
    writer.writerows(rows)
    return sheet.getvalue().encode()


def _attended(
    number: int, evening: Evening, people: Sequence[Person], capacity: int, local: ZoneInfo
) -> Iterator[tuple[object, ...]]:
    """A row for each person of an evening; who came arrives within an hour and a half."""
    doors = datetime.combine(evening.on, time(19), local)
    for place, who in enumerate(evening.registered):
        came = who in evening.came
        at = doors + timedelta(minutes=(place * 37) % 95)
        yield (
            f"{SERIES}, n° {number}",
            doors.isoformat(),
            people[who].email,
            people[who].name,
            "attended" if came else "no_show",
            SERIES,
            "Le Comptoir des Pentes",
            capacity,
            at.isoformat() if came else "",
        )


class Maker:
    """Somebody who fills one workspace."""

    def __init__(self, settings: Settings, look: Look, by: Actor) -> None:
        self.settings = settings
        self.look = look
        self.by = by
        self.keys = tickets.keys_of(settings)
        self.community_id = UUID(int=0)
        self.channel_id = UUID(int=0)

    async def community(
        self, name: str, description: str, channel: str, *, now: datetime
    ) -> None:
        """A community with one place online."""
        made = await communities.make_community(
            name, description=description, by=self.by, now=now
        )
        self.community_id = made.id
        kept = await channels.make_channel(
            made.id, channel, ChannelKind.DISCOURSE, by=self.by, now=now
        )
        self.channel_id = kept.id

    async def bring(
        self, kind: Kind, content: bytes, filename: str, *, now: datetime
    ) -> None:
        """Import a file as the CM would."""
        await imports.run(
            Given(
                kind=kind,
                content=content,
                filename=filename,
                community_id=self.community_id,
                channel_id=self.channel_id,
                choices=Choices(linking_text=AGREED, language="fr")
                if kind is Kind.MEMBERS
                else Choices(),
            ),
            dry_run=False,
            keys=self.keys,
            by=self.by,
            now=now,
        )

    async def people(self, people: Sequence[Person], *, now: datetime) -> None:
        """Those who agreed come with their name on the forum, the others without."""
        headings = ("email", "name", "handle", "joined")
        linked = [
            (one.email, one.name, one.handle, one.joined_on) for one in people if one.links
        ]
        await self.bring(Kind.MEMBERS, table(headings, linked), "forum.csv", now=now)
        others = [(one.email, one.name, one.joined_on) for one in people if not one.links]
        if others:
            given = Given(
                kind=Kind.MEMBERS,
                content=table(("email", "name", "joined"), others),
                filename="lettre.csv",
                community_id=self.community_id,
            )
            await imports.run(given, dry_run=False, keys=self.keys, by=self.by, now=now)

    async def evenings(
        self,
        people: Sequence[Person],
        held: Sequence[Evening],
        *,
        capacity: int,
        now: datetime,
    ) -> None:
        """Past evenings, as a list that was kept elsewhere."""
        local = zone(self.look.time_zone)
        rows = [
            row
            for number, evening in enumerate(held, start=1)
            for row in _attended(number, evening, people, capacity, local)
        ]
        await self.bring(Kind.ATTENDANCE, table(ATTENDANCE, rows), "soirees.csv", now=now)

    async def online(self, acts: Iterable[Online], *, now: datetime) -> None:
        """What people did on the forum."""
        rows = ((one.external_id, one.handle, one.kind, one.at.isoformat()) for one in acts)
        content = table(("external_id", "handle", "kind", "at"), rows)
        await self.bring(Kind.ACTIVITY, content, "activite.csv", now=now)

    async def meetup(self, wanted: Plan, *, now: datetime, is_open: bool = True) -> Meetup:
        """A meetup planned and, unless it stays a draft, published."""
        made = await meetups.plan(wanted, key_id=self.keys.current, by=self.by, now=now)
        if is_open:
            await plans.publish(made, by=self.by, now=now)
        async with scoped(self.by):
            return await meetups.meetup_by_slug(made.slug)

    async def expect(
        self, meetup: Meetup, people: Sequence[Person], *, now: datetime
    ) -> None:
        """Many places at once, as a list brings them: no letter is written."""
        ids = []
        for person in people:
            id_ = await members.known(
                person.email,
                name=person.name,
                language=self.look.language,
                community_id=self.community_id,
                by=self.by,
                now=now,
            )
            ids.append(Past(member_id=id_, registered_at=now))
        await attendance.import_attendance(meetup, ids, keys=self.keys, by=self.by, now=now)

    async def register(
        self, meetup: Meetup, name: str, email: str, *, now: datetime
    ) -> UUID:
        """Somebody registers on the page."""
        made = await registrations.register(
            meetup,
            name=name,
            email=email,
            language="fr",
            source=Source.PAGE,
            origin=self.settings.origin,
            workspace=self.look,
            keys=self.keys,
            by=self.by,
            now=now,
        )
        return made.id

    async def codes(self, meetup: Meetup) -> list[tuple[UUID, str]]:
        """The tickets of a meetup: registration and the text of the QR."""
        async with scoped(self.by):
            rows = await sql(
                "SELECT id, rotation FROM registration WHERE workspace_id = $1"
                " AND meetup_id = $2 AND status = 'confirmed' ORDER BY id",
                self.look.id,
                meetup.id,
            )
        keys = self.keys.at(meetup.key_id)
        return [
            (
                row["id"],
                tickets.issue(
                    keys,
                    meetup_id=meetup.id,
                    meetup_number=meetup.number,
                    registration_id=row["id"],
                    rotation=row["rotation"],
                ).url(self.settings.origin),
            )
            for row in rows
        ]

    async def phone(self, meetup: Meetup, gate: str, *, now: datetime) -> tuple[str, UUID]:
        """A phone paired at a gate: its token, and the gate."""
        made = await devices.make_gate(gate, meetup=meetup, by=self.by, now=now)
        pairing = await devices.add_device(
            gate, gate_id=made.id, language="fr", by=self.by, now=now
        )
        token, _ = await devices.pair(pairing.code, by=system(), now=now)
        return token, made.id

    async def let_in(self, token: str, codes: Sequence[str], *, since: datetime) -> None:
        """People come in, one every forty seconds since then."""
        for number, code in enumerate(codes):
            at = since + timedelta(seconds=40 * number)
            found = await devices.device_bearer(token, now=at)
            assert found is not None  # noqa: S101 - it was paired a line ago
            actor, station = found
            fact: dict[str, Any] = {
                "id": uuid7(),
                "kind": "entry",
                "at": at,
                "ticket": code,
            }
            raw = msgspec.Raw(msgspec.json.encode(fact))
            await sync.take(
                Mode.ASK, [raw], station=station, keys=self.keys, by=actor, now=at
            )


async def owner_of(
    email: str, name: str, *, language: str, now: datetime, password: str = ""
) -> Actor:
    """An account that can sign in, acting."""
    id_ = await accounts.account_for(
        email, name=name, language=language, by=system(), now=now
    )
    if password:
        await accounts.set_password(id_, password, keep=None, by=system(), now=now)
    return Actor(ActorKind.ACCOUNT, id=id_)


async def open_workspace(
    settings: Settings, owner: Actor, name: str, *, color: str, language: str, now: datetime
) -> Maker:
    """A workspace of this owner, with somebody to fill it."""
    look = await workspaces.make_workspace(
        name, language=language, time_zone="Europe/Paris", color=color, by=owner, now=now
    )
    return Maker(settings, look, owner.within(look.id, Role.OWNER.value))
