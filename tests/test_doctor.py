"""The doctor: what is wrong, in plain words, and what to do."""

import asyncio
import io
import re
import socket

import pytest
from rich.console import Console

from server import assets, doctor, jobs, rendering, schema
from server.assets import AssetsMissing
from server.database import DB, NOWHERE, scoped, sql
from server.doctor import Finding, examine
from server.rendering import RenderFailed
from server.settings import Settings

pytestmark = pytest.mark.committed


def said_of(env) -> tuple[bool, str]:
    """What the doctor says, on one line for each finding."""
    screen = Console(file=io.StringIO(), width=400, color_system=None)
    is_well = examine(env, screen)
    return is_well, re.sub(r" +", " ", screen.file.getvalue())


@pytest.fixture
def env(admin, addresses, tmp_path, monkeypatch):
    """A house on the PostgreSQL of the suite; each PDF is taken for granted."""
    monkeypatch.setattr(rendering, "render_pdf_once", lambda *_, **__: b"%PDF")
    monkeypatch.setattr(assets, "check", lambda: None)
    return {
        "APERO_ENV": "test",
        "APERO_DATA": str(tmp_path),
        "APERO_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz",
        "APERO_DATABASE_URL": (
            f"postgresql://{admin.role}:{admin.password}@/{addresses.owner.database}"
            f"?host={admin.host}&port={admin.port}"
        ),
        "APERO_APP_DATABASE_URL": (
            f"postgresql://{addresses.app.role}:{addresses.app.password}@/"
            f"{addresses.app.database}?host={admin.host}&port={admin.port}"
        ),
        "APERO_REPORT_DATABASE_URL": (
            f"postgresql://{addresses.report.role}:{addresses.report.password}@/"
            f"{addresses.app.database}?host={admin.host}&port={admin.port}"
        ),
    }


@pytest.fixture
async def aside(pool):
    """The doctor opens the database itself."""
    before, DB.pool = DB.pool, None
    yield
    await DB.close()
    DB.pool = before


async def seen_by(env) -> tuple[bool, str]:
    return await asyncio.to_thread(said_of, env)


async def look(settings: Settings, addresses, monkeypatch) -> dict[str, Finding]:
    """What is found in the database of the suite."""

    async def prepared(*_):
        return addresses

    with monkeypatch.context() as patch:
        patch.setattr(schema, "prepare", prepared)
        return {one.name: one for one in await doctor._database(settings, addresses.owner)}


@pytest.mark.usefixtures("aside")
async def test_a_house_in_order_is_well(env):
    is_well, said = await seen_by(env)
    assert is_well, said
    assert "Nothing keeps Apéro from running." in said
    assert "well Schema: up to date" in said
    assert "well Walls: the application sees only what it is shown" in said
    assert "mind Letters: APERO_SMTP_URL is not set" in said


def test_a_wrong_setting_is_said_in_its_own_words(env):
    is_well, said = said_of({**env, "APERO_ENV": "prod"})
    assert not is_well
    assert "wrong Settings: APERO_ENV must be one of" in said
    assert "1 thing(s) to mend." in said


def test_a_database_that_does_not_answer_is_said(env, tmp_path):
    away = {**env, "APERO_DATABASE_URL": f"postgresql://a:b@/c?host={tmp_path}"}
    is_well, said = said_of(away)
    assert not is_well
    assert "wrong Database: it does not answer" in said


def test_what_is_missing_to_work_is_said_with_what_to_do(env, monkeypatch, tmp_path):
    def no_assets():
        raise AssetsMissing("site.css")

    def no_pdf(*_, **__):
        raise RenderFailed("no Pango")

    monkeypatch.setattr(assets, "check", no_assets)
    monkeypatch.setattr(rendering, "render_pdf_once", no_pdf)
    monkeypatch.setattr(doctor, "is_nearly_full", lambda _: True)
    (tmp_path / "file").write_text("")
    is_well, said = said_of(
        {
            **env,
            "APERO_DATA": str(tmp_path / "file" / "folder"),
            "APERO_DATABASE_URL": f"postgresql://a:b@/c?host={tmp_path}",
        }
    )
    assert not is_well
    assert f"wrong Front-end files: {AssetsMissing('site.css')}" in said
    assert "wrong Documents: no PDF can be made (no Pango). Install Pango" in said
    assert "PostgreSQL stops when it is full. Make room." in said
    assert "cannot be written" in said
    assert "Set APERO_DATA." in said


def test_a_mail_server_that_is_away_is_no_catastrophe(env, tmp_path):
    away = {
        **env,
        "APERO_SMTP_URL": "smtp://127.0.0.1:1",
        "APERO_DATABASE_URL": f"postgresql://a:b@/c?host={tmp_path}",
    }
    _, said = said_of(away)
    assert "mind Letters: 127.0.0.1 does not answer" in said
    assert "Letters wait and are tried again." in said


def test_a_mail_server_that_answers_is_well(settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        named = Settings(data=settings.data, smtp_url=f"smtp://127.0.0.1:{port}")
        [found] = doctor._mail(named)
    assert found.is_well
    assert found.said == "127.0.0.1 answers"


@pytest.mark.usefixtures("aside")
async def test_an_old_schema_a_hole_and_a_stuck_job_are_found(
    settings, addresses, monkeypatch
):
    await DB.open(addresses.app, size=1)
    async with scoped(NOWHERE):
        await jobs.enqueue("send_letter", {})
        await jobs.enqueue("send_letter", {})
        await sql("UPDATE pgqueuer SET execute_after = now() - interval '10 minutes'")
        await sql(
            "UPDATE pgqueuer SET status = 'failed'"
            " WHERE id = (SELECT max(id) FROM pgqueuer)"
        )
    await DB.close()
    monkeypatch.setattr(doctor, "SAFE_POSTGRES", {18: 99})
    found = await look(settings, addresses, monkeypatch)
    assert "known holes" in found["PostgreSQL"].said
    assert not found["PostgreSQL"].is_grave
    assert "10 minutes: is `apero serve` running?" in found["Outbox"].said
    assert found["Jobs"].said.startswith("1 given up")
    monkeypatch.setattr(schema, "known_migrations", lambda: {"a later one"})
    found = await look(settings, addresses, monkeypatch)
    assert found["Schema"].said == "not up to date: `apero migrate` does it"
    assert "Walls" not in found


@pytest.mark.usefixtures("aside")
async def test_a_role_that_steps_over_the_walls_is_found(
    settings, addresses, admin, monkeypatch
):
    mighty = schema.Addresses(
        addresses.owner,
        addresses.app.__class__(
            host=admin.host,
            port=admin.port,
            role=admin.role,
            password=admin.password,
            database=addresses.app.database,
        ),
        addresses.report,
    )
    found = await look(settings, mighty, monkeypatch)
    assert not found["Walls"].is_well
    assert found["Walls"].is_grave


@pytest.mark.slow
def test_the_doctor_starts_the_embedded_database_when_nobody_else_did(env, tmp_path):
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o755)
    for name in list(env):
        if name.endswith("DATABASE_URL"):
            del env[name]
    before, DB.pool = DB.pool, None
    try:
        _, said = said_of(env)
    finally:
        DB.pool = before
    assert "Schema: not up to date: `apero migrate` does it" in said
    assert "well PostgreSQL: 18." in said
