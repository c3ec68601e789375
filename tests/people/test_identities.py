"""Whose a name online is: claimed, disputed, settled, and proved by a code on a real site."""

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.people import (
    channels,
    claims,
    communities,
    duplicates,
    identities,
    members,
    merges,
    outside,
    verifications,
)
from events.people.claims import Proof
from events.people.duplicates import Reason, Traits, reasons, strength, tidy_address
from events.people.identities import NotClaimed, Which
from events.people.outside import Unreachable, is_public, may_be_asked
from events.people.verifications import CodeEnded, NobodyLooks, Outcome, is_shown, page_of
from server import jobs
from server.database import scoped, sql
from server.errors import Invalid, NotFound
from tests import world


@pytest.fixture
async def crowd(cast):
    """Three people of one community with a forum and a chat; the same names elsewhere."""
    for by in (cast.as_dov, cast.as_ana):
        async with scoped(by):
            where = await communities.make_community("Lunatiques", by=by, now=cast.now)
            forum = await channels.make_channel(
                where.id, "Forum", "discourse", by=by, now=cast.now
            )
            chat = await channels.make_channel(
                where.id, "Tchat", "discord", by=by, now=cast.now
            )
            ids = [
                await members.known(
                    email,
                    name=name,
                    language="fr",
                    community_id=where.id,
                    by=by,
                    now=cast.now,
                )
                for email, name in (
                    ("ines@x.example", "Inès Petit"),
                    ("ines+a@x.example", "I. P."),
                    ("theo@x.example", "Théo Grand"),
                )
            ]
    cast.where, cast.forum, cast.chat = where.id, forum.id, chat.id
    cast.ines, cast.again, cast.theo = ids
    return cast


def says(crowd, handle, member_id, channel=None):
    return identities.declare(
        handle,
        channel_id=channel or crowd.forum,
        member_id=member_id,
        by=crowd.as_ana,
        now=crowd.now,
    )


async def only():
    (row,) = await identities.all_identities()
    return row


# Disputes


async def test_two_who_claim_one_name_are_disputed_and_nobody_counts(crowd):
    by, now = crowd.as_ana, crowd.now
    async with scoped(by):
        assert await says(crowd, "@Ines", crowd.ines)
        assert await says(crowd, "ines", crowd.ines)
        assert not await says(crowd, "INES", crowd.theo)
        row = await only()
        assert (row.member_id, row.claims) == (None, 2)
        assert row.disputed_at == now
        assert not await says(crowd, "ines", crowd.again)
        assert len(await claims.claimants(row.id)) == 3
        assert await identities.identities_of(crowd.ines) == []
        assert [one.id for one in await identities.claimed_by(crowd.theo)] == [row.id]
        found = await identities.see(
            {"ines": crowd.theo}, channel_id=crowd.forum, by=by, now=now
        )
        assert found["ines"][1] is None, "a file settles no dispute"
        with pytest.raises(NotClaimed):
            bare = await members.unnamed("S", community_id=crowd.where, by=by, now=now)
            await identities.settle(row.id, bare, by=by, now=now)
        await identities.settle(row.id, crowd.theo, by=by, now=now)
        assert (await only()).member_id == crowd.theo
        assert await claims.claimants(row.id) == [crowd.theo]
        assert len(await claims.claims_of(row.id)) == 3
        assert not await says(crowd, "ines", crowd.ines), "disputed once more"
        await identities.settle(row.id, None, by=by, now=now)
        row = await only()
        assert (row.member_id, row.disputed_at, row.claims) == (None, None, 0)
        assert await says(crowd, "ines", crowd.ines)


async def test_a_proved_name_stays_with_who_proved_it(crowd):
    by, now = crowd.as_ana, crowd.now
    async with scoped(by):
        await says(crowd, "ines", crowd.ines)
        row = await only()
        await identities.settle(row.id, crowd.ines, proof=Proof.VERIFIED, by=by, now=now)
        assert not await says(crowd, "ines", crowd.theo)
        row = await only()
        assert (row.member_id, row.proof, row.claims) == (crowd.ines, "verified", 2)
        assert row.disputed_at is None


@pytest.mark.committed
async def test_two_who_claim_at_once_are_disputed_whoever_came_first(crowd):
    import asyncio

    first, second = await asyncio.gather(
        says(crowd, "ines", crowd.ines), says(crowd, "ines", crowd.theo)
    )
    assert {first, second} == {True, False}
    async with scoped(crowd.as_ana):
        row = await only()
        assert (row.member_id, row.claims) == (None, 2)
        assert row.disputed_at is not None


async def test_identities_are_listed_narrowed_and_paged(crowd):
    async with scoped(crowd.as_ana):
        for number in range(7):
            await says(crowd, f"name{number}", crowd.ines)
        await says(crowd, "zed", crowd.ines, crowd.chat)
        await says(crowd, "zed", crowd.theo, crowd.chat)
        await identities.see(
            {"stray": None}, channel_id=crowd.forum, by=crowd.as_ana, now=crowd.now
        )
        seen, after = [], None
        while page := await identities.all_identities(after=after, limit=2):
            seen += [one.handle for one in page]
            after = page[-1].id
        assert seen == [*(f"name{n}" for n in range(7)), "stray", "zed"]

        async def handles(**narrowed):
            return [one.handle for one in await identities.all_identities(**narrowed)]

        assert await handles(begins="@Name3") == ["name3"]
        assert await handles(begins="%") == []
        assert await handles(which=Which.DISPUTED) == ["zed"]
        assert await handles(which=Which.NOBODYS) == ["stray"]
        assert await handles(which=Which.VERIFIED) == []
        assert len(await handles(which=Which.HELD)) == 7
        assert await handles(channel_id=crowd.chat) == ["zed"]
        known = await channels.known_in(crowd.chat)
        assert (known.handles, known.held, known.disputed) == (1, 0, 1)
    async with scoped(crowd.as_dov):
        assert await identities.all_identities() == []


async def test_an_import_does_not_make_a_new_person_of_a_disputed_name(crowd):
    from events.engagement.imports import members as imported
    from events.engagement.imports.members import Person
    from events.engagement.imports.tallies import Tally

    async with scoped(crowd.as_ana):
        await says(crowd, "ines", crowd.ines)
        await says(crowd, "ines", crowd.theo)
        who = Person(2, [], "", "ines", "Ines", None, "", crowd.where)
        tally = Tally({})
        planned = await imported.plan([who], crowd.forum, tally)
        assert (planned.new, planned.known) == ([], [])


# Reasons


@pytest.mark.parametrize(
    ("email", "tidy"),
    [
        ("Lea+Apero@X.example", "lea@x.example"),
        ("l.e.a@gmail.com", "lea@gmail.com"),
        ("l.ea+x@googlemail.com", "lea@gmail.com"),
        ("l.e.a@x.example", "l.e.a@x.example"),
        ("+only@x.example", "+only@x.example"),
        ("nothing", ""),
        ("", ""),
    ],
)
async def test_an_address_without_its_tag(email, tidy):
    assert tidy_address(email) == tidy
    if "@" in email:
        (row,) = await sql(
            f"SELECT {duplicates._ADDRESS} AS tidy FROM (SELECT $1::text AS email) m",  # noqa: S608
            email.lower(),
        )
        assert row["tidy"] == tidy


_TRAITS = st.builds(
    Traits,
    st.sampled_from(["", "ines", "ines petit", "theo grand"]),
    st.sampled_from(["", "a@x.example", "a+b@x.example", "c@x.example"]),
    st.frozensets(st.tuples(st.sampled_from("12"), st.sampled_from("ab")), max_size=2),
    st.frozensets(st.sampled_from("ij"), max_size=2),
)


@given(_TRAITS, _TRAITS)
def test_reasons_are_the_same_both_ways_and_none_without_something_shared(one, other):
    found = reasons(one, other)
    assert found == reasons(other, one)
    assert strength(found) == max((duplicates.STRENGTH[r] for r in found), default=0)
    assert (Reason.CLAIM in found) == bool(one.claims & other.claims)


@given(st.text(max_size=30), st.sampled_from(["", "a@x.example"]))
def test_a_name_alone_is_never_more_than_a_name(name, email):
    found = reasons(Traits(name=name, email=email), Traits(name=name, email="b@y.example"))
    assert found in ([], [Reason.NAME])
    assert strength(found) <= 1
    assert reasons(Traits(name="ines"), Traits(name="ines")) == []


async def test_who_looks_alike_is_found_with_the_reason_and_by_the_same_rules(crowd):
    by, now = crowd.as_ana, crowd.now
    async with scoped(by):
        twin = await members.unnamed(
            "ines  PETIT", community_id=crowd.where, by=by, now=now
        )
        await members.unnamed("Zoé", community_id=crowd.where, by=by, now=now)
        await members.unnamed("Zoé", community_id=crowd.where, by=by, now=now)
        await says(crowd, "tt", crowd.theo)
        await says(crowd, "tt", crowd.again, crowd.chat)
        await says(crowd, "both", crowd.theo)
        await says(crowd, "both", crowd.ines)
        assert await duplicates.look(by=by, now=now) == 4
        found = await duplicates.pairs()
        every = {frozenset((one.one_id, one.other_id)): one for one in found}
        assert {pair: one.reasons for pair, one in every.items()} == {
            frozenset((crowd.ines, crowd.again)): [Reason.ADDRESS],
            frozenset((crowd.theo, crowd.ines)): [Reason.CLAIM],
            frozenset((crowd.theo, crowd.again)): [Reason.HANDLE],
            frozenset((twin, crowd.ines)): [Reason.NAME],
        }
        assert [one.strength for one in found] == [3, 2, 2, 1]
        known = await duplicates.traits(crowd.ines, crowd.again, crowd.theo, twin)
        for one in found:
            assert reasons(known[one.one_id], known[one.other_id]) == one.reasons
        paged, after = [], None
        while page := await duplicates.pairs(after=after, limit=1):
            paged, after = paged + page, page[0].id
        assert paged == found
        assert len(await duplicates.pairs(search="PETIT")) == 3
        assert await duplicates.pairs(search="%") == []
        assert len(await duplicates.pairs(reason=Reason.NAME)) == 1
        assert len(await duplicates.like(twin)) == 1
        await merges.say_apart(crowd.ines, twin, by=by, now=now)
        await merges.merge(crowd.ines, crowd.again, by=by, now=now)
        assert len(await duplicates.pairs()) == 1
        assert await duplicates.look(by=by, now=now) == 2
    async with scoped(crowd.as_dov):
        assert await duplicates.pairs() == []
    await duplicates.look_everywhere(now)
    async with scoped(crowd.as_dov):
        (pair,) = await duplicates.pairs()
        assert pair.reasons == [Reason.ADDRESS]


async def test_a_name_that_many_bear_says_nothing(crowd):
    by, now = crowd.as_ana, crowd.now
    async with scoped(by):
        for _ in range(duplicates.MOST_OF_A_NAME + 1):
            await members.unnamed("Jean Martin", community_id=crowd.where, by=by, now=now)
        await duplicates.look(by=by, now=now)
        assert await duplicates.pairs(reason=Reason.NAME) == []


# Codes


class Site(BaseHTTPRequestHandler):
    """A forum and a network with one member, whose page says what the test wrote."""

    def do_GET(self):
        self.server.asked.append(self.path)
        answer = self.server.pages.get(self.path)
        if isinstance(answer, str):
            self.send_response(302)
            self.send_header("location", answer)
            self.end_headers()
            return
        self.send_response(200 if answer is not None else 404)
        self.end_headers()
        if answer is not None:
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    """A real site on this machine, that the reader may ask though it is not public."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.pages, server.asked = {}, []
    server.origin = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    verifications.Reader(reachable=[server.origin], clock=lambda: world.NOW)
    yield server
    verifications.Reader()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def asked(crowd, site):
    """Inès and Théo claim one name of the forum; Inès has a code."""
    by = crowd.as_ana
    async with scoped(by):
        await sql("UPDATE channel SET address = $2 WHERE id = $1", crowd.forum, site.origin)
        await says(crowd, "ines", crowd.ines)
        await says(crowd, "ines", crowd.theo)
        crowd.row = await only()
        crowd.id = await verifications.ask(crowd.row.id, crowd.ines, by=by, now=crowd.now)
        crowd.code = await verifications.code_of(crowd.id)
    return crowd


async def looked(asked, now=None):
    by = asked.as_ana
    async with scoped(by):
        await verifications.look(asked.id, by=by, now=now or asked.now)
        await world.do_jobs("look_for_code")
        return (await verifications.code_of(asked.id)).outcome


async def test_a_code_in_her_page_proves_the_name_and_ends_the_dispute(asked, site):
    assert await looked(asked) is Outcome.UNREACHABLE
    assert site.asked == ["/u/ines.json"]
    site.pages["/u/ines.json"] = {"user": {"username": "Ines", "bio_raw": "hello"}}
    assert await looked(asked, asked.now + timedelta(minutes=1)) is Outcome.NOT_SEEN
    async with scoped(asked.as_ana):
        assert (await only()).disputed_at is not None
        await verifications.look(asked.id, by=asked.as_ana, now=asked.now)
        assert await world.do_jobs("look_for_code") == [], "twice in twenty seconds is once"
    bio = f"hello {asked.code.code.lower()}"
    site.pages["/u/ines.json"] = {"user": {"username": "Ines", "bio_raw": bio}}
    assert await looked(asked, asked.now + timedelta(minutes=2)) is Outcome.SEEN
    async with scoped(asked.as_ana):
        row = await only()
        assert (row.member_id, row.proof, row.claims) == (asked.ines, "verified", 1)
        with pytest.raises(CodeEnded):
            await verifications.saw(asked.id, by=asked.as_ana, now=asked.now)


async def test_the_page_of_mastodon_is_read_too(asked, site):
    async with scoped(asked.as_ana):
        await sql("UPDATE channel SET kind = 'mastodon' WHERE id = $1", asked.forum)
    site.pages["/api/v1/accounts/lookup?acct=ines"] = "/moved"
    value = f"<span>{asked.code.code}</span>"
    site.pages["/moved"] = {"acct": "ines", "note": "", "fields": [{"value": value}]}
    assert await looked(asked) is Outcome.SEEN


@pytest.mark.parametrize(
    "answer", [b"x" * 600_000, b"not json", b"[]", {"user": {"username": "other"}}, "/u/ines.json"]
)  # fmt: skip
async def test_a_page_that_says_nothing_of_her_proves_nothing(asked, site, answer):
    site.pages["/u/ines.json"] = answer
    assert await looked(asked) in {Outcome.UNREACHABLE, Outcome.NOT_SEEN}
    async with scoped(asked.as_ana):
        assert (await only()).member_id is None


async def test_a_code_is_one_until_it_ends(asked):
    by, now = asked.as_ana, asked.now
    async with scoped(by):
        again = await verifications.ask(asked.row.id, asked.ines, by=by, now=now)
        assert again == asked.id
        other = await verifications.ask(asked.row.id, asked.theo, by=by, now=now)
        assert (await verifications.code_of(other)).code != asked.code.code
        assert len(await verifications.codes_for(asked.row.id)) == 2
        assert len(await verifications.codes_of(asked.ines)) == 1
        late = now + timedelta(days=8)
        assert await verifications.ask(asked.row.id, asked.ines, by=by, now=late) != again
        with pytest.raises(CodeEnded):
            await verifications.look(asked.id, by=by, now=late)
        with pytest.raises(NotFound):
            await verifications.ask(asked.row.id, asked.again, by=by, now=now)
        await sql("UPDATE channel SET address = '' WHERE id = $1", asked.forum)
        with pytest.raises(NobodyLooks):
            await verifications.look(asked.id, by=by, now=now)
        await verifications.saw(asked.id, by=by, now=now)
        assert (await only()).proof == "verified"
        known = {"workspace_id": str(by.workspace_id), "id": str(asked.id)}
        await jobs.handler("look_for_code")(known)  # done meanwhile: nothing happens
    async with scoped(asked.as_dov):
        with pytest.raises(NotFound):
            await verifications.code_of(asked.id)


async def test_a_claim_that_ended_meanwhile_is_not_proved(asked, site):
    by, now = asked.as_ana, asked.now
    page = {"user": {"username": "ines", "name": asked.code.code}}
    site.pages["/u/ines.json"] = page
    async with scoped(by):
        await identities.settle(asked.row.id, None, by=by, now=now)
    assert await looked(asked) is Outcome.ASKED


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://forum.example.org", True),
        ("https://1.1.1.1/x", True),
        ("http://forum.example.org", False),
        ("https://forum.example.org:8443", False),
        ("https://me@forum.example.org", False),
        ("https://me:word@forum.example.org", False),
        ("https://:word@forum.example.org", False),
        ("https://@forum.example.org", False),
        ("https://forum.example.org:0", False),
        ("https://[64:ff9b::10.0.0.3]", False),
        ("https://localhost", False),
        ("https://db.internal", False),
        ("https://127.0.0.1", False),
        ("https://169.254.169.254/latest", False),
        ("https://[::1]", False),
        ("https://10.0.0.3", False),
        ("https://x.example:99999", False),
        ("file:///etc/passwd", False),
    ],
)
async def test_only_public_https_is_asked(url, may, crowd):
    assert may_be_asked(url) is may
    by = crowd.as_ana
    if may:
        kept = await channels.set_address(crowd.forum, f"{url}/", by=by, now=crowd.now)
        assert kept.address == url
        return
    with pytest.raises(Unreachable):
        await outside.read(url)
    with pytest.raises(Invalid):
        await channels.set_address(crowd.forum, url, by=by, now=crowd.now)


async def test_a_public_name_that_stands_for_a_private_address_is_not_asked(
    site, monkeypatch
):
    import socket

    really = socket.getaddrinfo

    def resolved(host, *args, **more):
        if host != "forum.example.org":
            return really(host, *args, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.3", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    with pytest.raises(Unreachable, match="not a public address"):
        await outside.read("https://forum.example.org/u/ines.json")
    site.pages["/away"] = "https://forum.example.org/x"
    with pytest.raises(Unreachable, match="not a public address"):
        await outside.read(f"{site.origin}/away", reachable=[site.origin])
    site.pages["/other"] = "http://127.0.0.1:1/x"
    with pytest.raises(Unreachable, match="not a public https"):
        await outside.read(f"{site.origin}/other", reachable=[site.origin])


async def test_a_connection_goes_to_the_address_that_was_looked_at(monkeypatch, site):
    place = outside.Place("https", "forum.example", site.server_port, "127.0.0.1", "/")
    with pytest.raises(OSError, match=r"SSL|wrong|http"):
        outside._connection(place)
    assert outside._host(place) == f"forum.example:{site.server_port}"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("::ffff:10.0.0.1", False),
        ("2002:0a00:0001::1", False),
        ("224.0.0.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104
        ("64:ff9b::8.8.8.8", False),  # translated by another network
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b:1::10.0.0.1", False),
        ("::10.0.0.1", False),
        ("::8.8.8.8", False),
        ("::ffff:0:10.0.0.1", False),
        ("fec0::1", False),
        ("feff::1", False),
    ],
)
def test_which_addresses_are_public(address, public):
    assert is_public(address) is public


def test_what_is_read_is_what_she_wrote_and_hers():
    page = json.dumps({"user": {"username": "ines", "bio_raw": "apero-AB"}}).encode()
    assert is_shown("discourse", "ines", "apero-AB", page)
    assert not is_shown("discourse", "theo", "apero-AB", page)
    assert not is_shown("mastodon", "ines", "apero-AB", page)
    assert not is_shown("discourse", "ines", "apero-AB", b'{"user": 1}')
    friend = {"user": {"username": "ines", "invited_by": {"name": "apero-AB"}}}
    assert not is_shown("discourse", "ines", "apero-AB", json.dumps(friend).encode())
    assert page_of("forum", "https://x.example", "a") == ""
    assert page_of("discourse", "", "a") == ""
    assert "%2F" in page_of("discourse", "https://x.example", "../a")
