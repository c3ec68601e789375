"""The audit log: written with the act, undone with it, and never changed."""

from datetime import timedelta

import asyncpg
import pytest

from server import api_tokens, audit
from server.database import connection, one, scoped, sql
from server.workspaces import Role
from tests import world


async def entries(cast, **more):
    async with scoped(cast.as_ana):
        return await audit.entries(**more)


async def test_an_act_and_its_entry_are_one(cast):
    before = len(await entries(cast))
    with pytest.raises(RuntimeError, match="afterwards"):
        async with scoped(cast.as_ana):
            await api_tokens.issue_token(
                "x", Role.DOOR, ["read"], account_id=cast.ana, by=cast.as_ana, now=world.NOW
            )
            raise RuntimeError("afterwards")
    assert len(await entries(cast)) == before
    async with scoped(cast.as_ana):
        assert await api_tokens.tokens() == []
    await api_tokens.issue_token(
        "x", Role.DOOR, ["read"], account_id=cast.ana, by=cast.as_ana, now=world.NOW
    )
    newest = (await entries(cast))[0]
    assert (newest.action, newest.actor_name, newest.role) == (
        "issued_token",
        "Ana",
        "owner",
    )
    assert newest.sentence == "Made a token"


@pytest.mark.parametrize(
    "act", ["UPDATE audit_entry SET action = 'x'", "DELETE FROM audit_entry"]
)
async def test_the_application_cannot_rewrite_the_log(cast, act):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with scoped(cast.as_ana):
            await connection().execute(act)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with scoped(cast.as_ana):
            await connection().execute("TRUNCATE audit_entry")


async def test_an_entry_of_another_workspace_cannot_be_written(cast):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with scoped(cast.as_dov):
            await audit.note(cast.as_ana, "planned", at=world.NOW)


async def test_the_log_holds_keys_and_no_personal_data(cast):
    row = None
    async with scoped(cast.as_ana):
        row = await one("SELECT * FROM audit_entry WHERE action = 'invited_door'")
    assert "bilal" not in str(dict(row))
    assert row["actor_id"] == cast.ana


async def test_the_page_reads_as_sentences_and_goes_on_by_key(app, cast):
    async with scoped(cast.as_ana):
        for number in range(60):
            moment = world.NOW + timedelta(seconds=number)
            await audit.note(
                cast.as_ana, "planned" if number else "an_unknown_verb", at=moment
            )
    async with world.browsing(app, cast.ana) as ana:
        first = await ana.get("/w/orbelune/audit?lang=fr")
        assert first.text.count("timeline-when") == 50
        assert "A préparé une rencontre" in first.text
        more = (
            first.text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
        )
        second = await ana.get(more)
        assert 10 <= second.text.count("timeline-when") < 50
        assert "An unknown verb" in second.text
        assert (await ana.get("/w/orbelune/audit?before=x")).status_code == 404


async def test_who_acted_is_named_by_kind_when_nobody_is_known(cast):
    async with scoped(cast.as_ana):
        await audit.note(audit.system(cast.orbelune.id), "closed", at=world.NOW)
    assert (await entries(cast, limit=1))[0].who == "Apéro itself"


async def test_what_concerns_no_workspace_is_seen_by_none(browser, cast):
    await browser.post("/sign-in", data={"email": "ana@orbelune.example"})
    assert "asked_link" not in {entry.action for entry in await entries(cast, limit=200)}
    assert await sql("SELECT 1 FROM audit_entry") == []


def test_no_workspace_is_the_only_one_of_an_actor_everywhere():
    with pytest.raises(ValueError, match="unpack"):
        assert audit.system().workspace_id
