"""A workspace with a row in every table, and a value for every parameter of the site map.

Whatever is written there carries a mark, so that two such houses can be told apart by
reading: what shows the other's mark, leaks.
"""

import io
from datetime import date, time, timedelta
from uuid import uuid4

import msgspec
from PIL import Image

from checkin import sync
from checkin.devices import device_bearer
from checkin.facts import Mode
from events.admission import (
    agendas,
    followers,
    invitations,
    registrations,
    tickets,
    touches,
)
from events.admission.registrations import Linking, Source
from events.engagement import activity, editions, imports, plans
from events.engagement.activity import Act
from events.engagement.imports import Given, Kind
from events.people import (
    ambassadors,
    channels,
    communities,
    duplicates,
    identities,
    members,
    merges,
    notes,
    segments,
    tags,
    verifications,
)
from events.people.channels import ChannelKind
from events.people.mandates import mandate, today_in
from events.people.wanted import Wanted
from events.planning import (
    budgets,
    cues,
    deliverables,
    meetups,
    missions,
    packages,
    recurrences,
    representatives,
    series,
    sponsors,
    sponsorships,
    stints,
    tasks,
    venues,
)
from events.planning.cues import Step
from events.planning.deliverables import Owed, ProofKind, Shown
from events.planning.packages import Offer, Promised
from events.planning.recurrences import Rhythm
from events.planning.representatives import Face
from events.planning.sponsorships import Sale
from events.planning.tasks import Duty
from events.planning.venues import About
from server import api_tokens, charters, departments, pictures, workspaces
from server.database import find, one, scoped, sql
from server.workspaces import Role
from tests import world
from tests.checkin.evening import a_fact, a_phone, a_ticket, an_evening

YES = "J’accepte le rapprochement."


class House:
    """What one needs to ask for anything in it."""

    def __init__(self, cast, settings, by, look, mark):
        self.settings, self.by, self.look, self.mark = settings, by, look, mark
        self.now = cast.now
        self.keys = tickets.keys_of(settings)
        self.told = {"by": by, "now": cast.now}
        self.values = {"slug": look.slug, "workspace": look.slug, "act": "replace"}
        self.values |= {"mark": "remove", "kind": "community", "number": 1, "name": uuid4()}
        self.values |= {"letter_id": uuid4(), "session_id": uuid4()}
        # The same parameter means something else below these addresses.
        self.special = {}

    def word(self, text):
        """This text, marked."""
        return f"{text} {self.mark}".strip()

    def address(self, path, **other):
        """This address of the site map, filled; with other values where they are given."""
        values = dict(self.values)
        for begins, more in self.special.items():
            if path.startswith(begins):
                values |= more
        return path.format(**(values | other))

    def handle(self, name):
        return self.word(name).replace(" ", "_").lower()

    def mail(self, local):
        return f"{local}{self.mark.lower()}@membres.example"


async def a_full_house(cast, settings, *, by=None, look=None, mark=""):
    """Fill Orbelune, or another workspace, by the ordinary commands."""
    house = House(cast, settings, by or cast.as_ana, look or cast.orbelune, mark)
    async with scoped(house.by):
        await _evening(house, cast)
        await _people(house)
        await _doubles(house)
        await _settings(house)
        await _planning(house)
        await _money(house)
        await _ambassadors(house)
        await _series(house)
        await _door(house)
        await _past(house)
    return house


async def _evening(house, cast):
    """A meetup that is on, with a gate, a phone and a ticket."""
    house.evening = evening = await an_evening(
        cast, house.settings, by=house.by, look=house.look, mark=house.mark
    )
    house.phone = await a_phone(evening, house.word("Bilal"))
    house.ticket = await a_ticket(
        evening, house.word("Chloé Durand"), email=house.mail("chloe")
    )
    meetup, ticket = evening.meetup, house.ticket
    held = await find(registrations.Registration, ticket.id)
    house.values |= {
        "meetup": meetup.slug,
        "meetup_slug": meetup.slug,
        "meetup_id": meetup.id,
        "registration_id": ticket.id,
        "device_id": house.phone.id,
        "member_id": held.member_id,
        "capability": tickets.capability(
            house.keys.at(meetup.key_id), meetup.id, held.id, held.rotation
        ),
        "code": ticket.url.rpartition("/")[2],
    }


async def _people(house):
    """A community, its forum, an import that was looked at, words on somebody."""
    told, values = house.told, house.values
    community_id = house.evening.meetup.community_id
    community = await find(communities.Community, community_id)
    forum = await channels.make_channel(
        community_id, house.word("Forum"), ChannelKind.FORUM, **told
    )
    chloe = values["member_id"]
    await tags.put_tag(chloe, house.word("Fidèle"), **told)
    tag = await one("SELECT slug FROM tag WHERE workspace_id = $1", house.look.id)
    segment = await segments.save_segment(house.word("Les fidèles"), Wanted(came=1), **told)
    done = await imports.receive(_file(house, "ancienne"), **told)
    await imports.commit(done, keys=house.keys, **told)
    house.special["/w/{slug}/import/{run_id}/done"] = {"run_id": done}
    values |= {
        "community": community.slug,
        "community_slug": community.slug,
        "channel_id": forum.id,
        "tag_slug": tag["slug"],
        "segment_slug": segment.slug,
        "note_id": await notes.write_note(chloe, house.word("Vient à vélo."), **told),
        "run_id": await imports.receive(_file(house, "nouvelle"), **told),
    }


def _file(house, local):
    """A list of one person to bring in."""
    return Given(
        kind=Kind.MEMBERS,
        content=f"email,name\n{house.mail(local)},{house.word('Nouvelle')}\n".encode(),
        filename=f"{house.word(local)}.csv",
        community_id=house.evening.meetup.community_id,
    )


async def _doubles(house):
    """Somebody who is there twice, a name that two claim, a code to look for, a merge."""
    told, forum = house.told, house.values["channel_id"]
    community_id = house.evening.meetup.community_id
    ids = [
        await members.known(
            house.mail(local),
            name=house.word(name),
            language="fr",
            community_id=community_id,
            **told,
        )
        for local, name in (("noe", "Noé"), ("noe+a", "Noé"), ("lea", "Léa"), ("leo", "Lé"))
    ]
    for id_ in ids[:2]:
        handle = house.handle("lune_rousse")
        await identities.declare(handle, channel_id=forum, member_id=id_, **told)
    known = await identities.identities_named([handle], channel_id=forum)
    identity_id = known[handle][0]
    acts = [Act(f"{house.mark}-1", handle, "post", house.now - timedelta(days=3))]
    await activity.record(acts, channel_id=forum, **told)
    await duplicates.look(**told)
    await merges.say_apart(ids[0], ids[2], **told)
    one_id, other_id = merges.in_order(ids[0], ids[1])
    house.values |= {
        "identity_id": identity_id,
        "verification_id": await verifications.ask(identity_id, ids[0], **told),
        "merge_id": await merges.merge(
            ids[2], ids[3], reason=house.word("Elle me l’a dit"), **told
        ),
        "one_id": one_id,
        "other_id": other_id,
    }


async def _settings(house):
    """The charters, a department, a token, a picture, somebody on the team."""
    told, look = house.told, house.look
    for kind in charters.Kind:
        text = {language: house.word("On s’écoute.") for language in ("fr", "en")}
        await charters.publish(kind, text, main_language=look.language, **told)
    department = await departments.make(
        house.word("Création"), description=house.word("Les cartes."), **told
    )
    await api_tokens.issue_token(
        house.word("Le robot"), Role.OWNER, ["read"], account_id=house.by.id, **told
    )
    token = await one("SELECT id FROM api_token WHERE workspace_id = $1", look.id)
    email = house.mail("equipe")
    membership = await workspaces.invite(
        email, Role.MODERATOR, workspace=look, origin=world.ORIGIN, **told
    )
    house.values |= {
        "department_id": department.id,
        "token_id": token["id"],
        "membership_id": membership,
        "picture_id": await pictures.keep(pictures.Kind.FACE, a_picture(), **told),
    }


def a_picture():
    out = io.BytesIO()
    Image.new("RGB", (32, 32), "#b84a2b").save(out, "PNG")
    return out.getvalue()


async def _planning(house):
    """A venue, the evening step by step, who does what, who stands for the brand."""
    told, values, meetup_id = house.told, house.values, house.evening.meetup.id
    about = About(
        name=house.word("Le Comptoir"),
        address=house.word("3 rue des Capucins"),
        contact=house.word("Nadia"),
        terms=house.word("Offert."),
    )
    venue = await venues.write(about, **told)
    step = Step(minute=5, title=house.word("Accueil"), note=house.word("Deux clés"))
    step = msgspec.structs.replace(step, owner=house.word("Nadia"), is_public=True)
    duty = Duty(title=house.word("Imprimer"), owner_id=house.by.id, due_on=house.now.date())
    face = Face(
        name=house.word("Ines"),
        role=house.word("qui anime"),
        recognised_by=house.word("écharpe"),
        picture_id=values["picture_id"],
    )
    values |= {
        "venue_slug": venue.slug,
        "venue_id": venue.id,
        "cue_id": await cues.add(meetup_id, step, **told),
        "task_id": await tasks.add(meetup_id, duty, **told),
        "face_id": await representatives.add(meetup_id, face, **told),
    }


async def _money(house):
    """A sponsor who bought a package, what it was promised and shown, and a budget."""
    told, values, meetup = house.told, house.values, house.evening.meetup
    sponsor = await sponsors.make_sponsor(
        house.word("Sabline"), website="https://sabline.example", **told
    )
    about = {"name": house.word("Comptoir"), "description": house.word("Un verre.")}
    offer = Offer(price_cents=45_000, **about)
    promises = (Promised(house.word("Logo"), 1, 7),)
    package = await packages.make_package(offer, promises, currency="EUR", **told)
    (promise,) = await packages.promises_of(package.id)
    sale = await sponsorships.sell(
        Sale(
            sponsor_id=sponsor.id,
            meetup_id=meetup.id,
            package_id=package.id,
            note=house.word("Payé."),
        ),
        **told,
    )
    owed = Owed(house.word("Affiche"), house.now.date(), 1, house.by.id)
    (owed_id,) = await deliverables.owe(sale, [owed], **told)
    photo = await pictures.keep(pictures.Kind.PROOF, a_picture(), **told)
    shown = Shown(ProofKind.PHOTO, picture_id=photo, note=house.word("La page"))
    wanted = budgets.Wanted(
        kind=budgets.Kind.CASH,
        label=house.word("Boissons"),
        supplier=house.word("Brasserie"),
        spent_cents=9_000,
    )
    line = await budgets.add_line(wanted, meetup_id=meetup.id, currency="EUR", **told)
    await budgets.cover(line.id, sponsor.id, 4_000, **told)
    values |= {
        "sponsor_slug": sponsor.slug,
        "sponsor_id": sponsor.id,
        "package_id": package.id,
        "promise_id": promise.id,
        "sale_id": sale,
        "deliverable_id": owed_id,
        "proof_id": await deliverables.prove(owed_id, shown, **told),
        "line_id": line.id,
    }


async def _ambassadors(house):
    """An ambassador in term, asked for something, who invited somebody by letter."""
    told, look, now = house.told, house.look, house.now
    today = today_in(look, now)
    charter = await charters.current(charters.Kind.AMBASSADORS)
    house.nina = house.mail("nina")
    made = await ambassadors.apply(
        house.nina,
        name=house.word("Nina"),
        language="fr",
        community_id=house.evening.meetup.community_id,
        motive=house.word("Je connais les cafés."),
        charter_id=charter.id,
        workspace=look,
        **told,
    )
    await ambassadors.accept(
        made.id,
        starts_on=today - timedelta(days=30),
        ends_on=today + timedelta(days=90),
        area=house.word("Croix-Rousse"),
        perks=house.word("Un verre"),
        workspace=look,
        origin=world.ORIGIN,
        **told,
    )
    her = await mandate(made.id, today)
    sent = {"her": her, "workspace": look, "settings": house.settings, **told}
    meetup = house.evening.meetup
    await invitations.invite(
        meetup, name=house.word("Théo"), email=house.mail("theo"), **sent
    )
    invited = await one("SELECT id FROM invitation WHERE workspace_id = $1", look.id)
    await touches.note(
        her.code,
        meetup_id=meetup.id,
        member_id=house.values["member_id"],
        workspace=look,
        **told,
    )
    mission = await missions.ask(
        made.id,
        kind=missions.Kind.OTHER,
        title=house.word("Deux avis"),
        workspace=look,
        origin=world.ORIGIN,
        **told,
    )
    photo = await pictures.keep(pictures.Kind.PROOF, a_picture(), **told)
    proof = missions.Proof(house.word("Les voici."), picture_id=photo)
    await missions.prove(mission, made.id, proof, **told)
    house.values |= {
        "ambassador_id": made.id,
        "invitation_id": invited["id"],
        "given": invitations.seal(house.settings, invited["id"]),
        "mission_id": mission,
        "stint_id": await stints.log(
            made.id,
            worked_on=today,
            minutes=90,
            note=house.word("Tour des cafés"),
            today=today,
            **told,
        ),
    }
    house.special["/ambassador/"] = {"picture_id": photo}
    house.special["/a/"] = {"code": her.code}


async def _series(house):
    """A series with its rule and a follower, and an address for her calendar."""
    told, look = house.told, house.look
    line = await series.make_series(
        house.word("Les soirs"), community_id=house.evening.meetup.community_id, **told
    )
    rhythm = Rhythm(
        rule="FREQ=MONTHLY;BYDAY=1TH",
        starts_on=date(2027, 1, 7),
        starts_time=time(19),
        minutes=180,
        time_zone="Europe/Paris",
    )
    await recurrences.begin(line.id, rhythm, **told)
    await series.announce(line.id, **told)
    spent = budgets.Wanted(
        kind=budgets.Kind.CASH, label=house.word("Affiches"), spent_cents=500
    )
    await budgets.add_line(spent, series_id=line.id, currency="EUR", **told)
    await followers.follow(
        line,
        name=house.word("Inès"),
        email=house.mail("ines"),
        language="fr",
        origin=world.ORIGIN,
        workspace=look,
        keys=house.keys,
        **told,
    )
    follower = await one("SELECT id FROM follower WHERE workspace_id = $1", look.id)
    token = followers.token_of(house.keys, follower["id"])
    await followers.confirm(token, series_id=line.id, **told)
    mine = await agendas.give(house.values["member_id"], keys=house.keys, **told)
    house.values |= {"series_slug": line.slug, "series_id": line.id, "token": token}
    house.values["follower_id"] = follower["id"]
    house.special["/my/"] = {"token": mine.rpartition("/")[2]}
    house.special["/sign-in/"] = {"token": uuid4().hex}


async def _door(house):
    """She came in twice by two phones that did not know of each other; her code is new."""
    evening, told = house.evening, house.told
    other = await a_phone(evening, house.word("Samir"))
    for phone, minutes in ((house.phone, 9), (other, 8)):
        at = house.now - timedelta(minutes=minutes)
        actor, station = await device_bearer(phone.token, now=house.now)
        fact = a_fact(evening, house.ticket, at=at, local_verdict="enter")
        raw = msgspec.Raw(msgspec.json.encode(fact))
        await sync.take(
            Mode.TELL, [raw], station=station, keys=house.keys, by=actor, now=house.now
        )
    late = await a_ticket(evening, house.word("Zoé"), email=house.mail("zoe"))
    await registrations.replace_code(
        late.id, origin=world.ORIGIN, workspace=house.look, keys=house.keys, **told
    )


async def _past(house):
    """A meetup that was held and closed, whose sponsor's report is frozen."""
    told, look = house.told, house.look
    values = house.values
    wanted = meetups.Plan(
        title=house.word("On jouait"),
        description=house.word("Hier."),
        programme=house.word("19:00 Accueil"),
        community_id=house.evening.meetup.community_id,
        series_id=values["series_id"],
        venue_id=values["venue_id"],
        starts_at=house.now + timedelta(days=1),
        ends_at=house.now + timedelta(days=1, hours=3),
        time_zone="Europe/Paris",
        capacity=9,
        representative=house.word("Ana"),
    )
    made = await meetups.plan(wanted, key_id=house.keys.current, **told)
    await plans.publish(made, **told)
    linking = Linking(house.handle("comete"), values["channel_id"], house.word(YES))
    await registrations.register(
        await find(meetups.Meetup, made.id),
        name=house.word("Ada"),
        email=house.mail("ada"),
        language="fr",
        source=Source.PAGE,
        linking=linking,
        origin=world.ORIGIN,
        workspace=look,
        keys=house.keys,
        **told,
    )
    meetup = await find(meetups.Meetup, made.id)
    await sponsorships.sponsor_meetup(values["sponsor_id"], meetup, **told)
    house.contact = house.mail("eiko")
    await sponsors.add_contact(
        values["sponsor_id"], house.contact, workspace=look, origin=world.ORIGIN, **told
    )
    (contact,) = await sponsors.contacts(values["sponsor_id"])
    values["contact_id"] = contact.id
    later = house.now + timedelta(days=2)
    await editions.close_meetup(
        meetup, workspace=look, origin=world.ORIGIN, by=house.by, now=later
    )
    house.special["/portal/"] = {"meetup_slug": made.slug}


async def account_of(email):
    """Whose address this is."""
    (row,) = await sql("SELECT id FROM account WHERE email = $1", email)
    return row["id"]
