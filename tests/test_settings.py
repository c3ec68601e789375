"""Settings: what may differ, where it is read from, and what production refuses."""

import re
import stat
import subprocess
import sys
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from server import settings as settings_module
from server.logs import JsonLines, Readable, discreet
from server.settings import BadSettings, Environment, Settings, check, read

ROOT = Path(__file__).parent.parent
KEY = "k3y-0f-th1s-1nstallat10n-and-n0-0ther"
GOOD = {
    "APERO_ENV": "production",
    "APERO_ORIGIN": "https://apero.example",
    "APERO_SMTP_URL": "smtp://mail.example",
    "APERO_SECRET_KEY": KEY,
}


@pytest.fixture
def env(tmp_path):
    return {**GOOD, "APERO_DATA": str(tmp_path / "data")}


def test_a_good_production_starts(env):
    found = read(env)
    assert found.is_production
    assert found.secret_key == KEY.encode()
    assert (found.has_mailbox, found.has_test_clock, found.may_seed) == (
        False,
        False,
        False,
    )
    assert (found.open_sign_up, found.is_debug) == (False, False)
    assert not (found.data / "secret.key").exists()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("APERO_DEBUG", "1", "APERO_DEBUG must be off in production."),
        (
            "APERO_ORIGIN",
            "http://apero.example",
            "APERO_ORIGIN must be the https:// address",
        ),
        ("APERO_ORIGIN", "", "To try Apéro out, set APERO_ENV=demo."),
        ("APERO_ORIGIN", "apero.example", "APERO_ORIGIN must start with https://"),
        ("APERO_SECRET_KEY", "please-change-me-" * 3, "looks like an example"),
        ("APERO_SECRET_KEY", "a" * 40, "looks like an example"),
        ("APERO_SECRET_KEY", "short", "needs at least 32 characters"),
        ("APERO_SMTP_URL", "", "nobody would receive a ticket"),
        ("APERO_TRUSTED_PROXIES", "*", "never *"),
        ("APERO_TRUSTED_PROXIES", "10.0.0.1, *", "never *"),
        ("APERO_TRUSTED_PROXIES", "0.0.0.0/0", "never *"),
        ("APERO_TRUSTED_PROXIES", "::/0", "never *"),
        ("APERO_TRUSTED_PROXIES", "proxy", "APERO_TRUSTED_PROXIES: 'proxy'"),
        ("APERO_ENV", "prod", "APERO_ENV must be one of production, development"),
        ("APERO_LOG_LEVEL", "chatty", "APERO_LOG_LEVEL must be one of debug, info"),
        ("APERO_POOL_SIZE", "0", "must be at least 1"),
        ("APERO_POOL_SIZE", "many", "APERO_POOL_SIZE must be a whole number, not 'many'."),
        ("PORT", "eighty", "PORT must be a whole number"),
        (
            "APERO_SMTP_URL_FILE",
            "/nowhere/at/all",
            "APERO_SMTP_URL_FILE names /nowhere/at/all",
        ),
        ("APERO_PREVIOUS_SECRET_KEY", KEY, "APERO_SECRET_KEY must be replaced by another"),
    ],
)
def test_production_refuses(env, name, value, said):
    with pytest.raises(BadSettings) as caught:
        read({**env, name: value})
    assert said in str(caught.value)


def test_all_that_is_wrong_is_said_at_once(env):
    with pytest.raises(BadSettings) as caught:
        read(
            {**env, "APERO_DEBUG": "1", "APERO_SMTP_URL": "", "APERO_ORIGIN": "http://a.b"}
        )
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("environment", "allowed"),
    [
        ("production", (False, False, False)),
        ("development", (True, False, False)),
        ("demo", (True, False, True)),
        ("test", (False, True, True)),
    ],
)
def test_what_each_environment_may(environment, allowed):
    found = Settings(environment=Environment(environment))
    assert (found.has_mailbox, found.has_test_clock, found.may_seed) == allowed


def test_a_try_out_may_be_plain_http_and_needs_no_mail(tmp_path):
    found = read({"APERO_ENV": "demo", "APERO_DATA": str(tmp_path), "PORT": "9001"})
    assert found.origin == "http://127.0.0.1:9001"
    assert found.smtp_url is None
    assert found.open_sign_up


def test_a_secret_may_lie_in_a_file(env, tmp_path):
    for number, (name, attribute) in enumerate(
        {
            "APERO_SECRET_KEY": "secret_key",
            "APERO_DATABASE_URL": "database_url",
            "APERO_APP_DATABASE_URL": "app_database_url",
            "APERO_REPORT_DATABASE_URL": "report_database_url",
            "APERO_SMTP_URL": "smtp_url",
        }.items()
    ):
        path = tmp_path / f"secret{number}"
        path.write_text(f"{KEY}{number}\n")
        found = getattr(read({**env, f"{name}_FILE": str(path)}), attribute)
        assert found in {f"{KEY}{number}", f"{KEY}{number}".encode()}


def test_proxies_are_networks(env):
    found = read({**env, "APERO_TRUSTED_PROXIES": "10.0.0.7, 192.168.0.0/24,::1"})
    assert found.trusted_proxies == (
        ip_network("10.0.0.7"),
        ip_network("192.168.0.0/24"),
        ip_network("::1"),
    )


def test_the_key_is_made_once_for_its_owner_only(tmp_path):
    data = tmp_path / "new" / "data"
    env = {"APERO_ENV": "demo", "APERO_DATA": str(data)}
    first = read(env)
    assert first.secret_is_generated
    assert len(first.secret_key) >= 32
    assert read(env).secret_key == first.secret_key
    assert stat.S_IMODE((data / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in data.iterdir()] == ["secret.key"], "no draft is left"


def test_processes_that_start_together_share_one_key(tmp_path):
    script = (
        "import pathlib, sys; from server.settings import _instance_key;"
        "sys.stdin.read(1); print(_instance_key(pathlib.Path(sys.argv[1])).decode())"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "data")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        process.stdin.write("x")
        process.stdin.flush()
    keys = {process.communicate()[0].strip() for process in processes}
    assert len(keys) == 1
    assert len(keys.pop()) >= 32


def test_check_is_also_for_settings_that_were_not_read():
    with pytest.raises(BadSettings, match="nobody would receive"):
        check(Settings(secret_key=KEY.encode(), origin="https://apero.example"))


def test_every_setting_is_described_and_every_description_is_a_setting():
    source = Path(settings_module.__file__).read_text()
    known = set(re.findall(r'"((?:APERO_[A-Z_]+|PORT))"', source))
    page = (ROOT / "docs/running.md").read_text()
    table = page.split("## Settings")[1].split("\n## ")[0]
    described = set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE))
    assert described == known
    public = [one for one in fields(Settings) if one.name != "secret_is_generated"]
    assert len(public) == len(known), (
        "a field that no setting fills, or the other way round"
    )


def test_a_secret_is_not_shown_by_mistake(env):
    shown = repr(read({**env, "APERO_DATABASE_URL": "postgresql://a:hidden@h/d"}))
    assert KEY not in shown
    assert "hidden" not in shown


# What is logged


def record(**given):
    import logging

    return logging.makeLogRecord(
        {"name": "apero.web", "levelname": "INFO", "msg": "answered", **given}
    )


def test_a_log_line_is_json_and_speaks_of_no_person():
    error = ValueError("duplicate\nDETAIL:  Key (email)=(ana@orbelune.example) exists.")
    line = JsonLines().format(
        record(
            msg="letter to %s",
            args=("Ana <ana@orbelune.example>",),
            request="r1",
            exc_info=(ValueError, error, None),
        )
    )
    assert '"request": "r1"' in line
    assert "ana@" not in line
    assert "orbelune" not in line
    assert "duplicate" in line


def test_a_log_line_for_a_person_shows_what_matters():
    text = Readable().format(record(method="GET", route="/w/{slug}", status=200, ms=3))
    assert text == "info    apero.web answered method=GET route=/w/{slug} status=200 ms=3"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain words", "plain words"),
        ("to <ana@a.example>, bilal@b.example", "to <…@…>, …@…"),
        ("x\nDETAIL:  Key (code)=(AB) exists.\ny", "x\nDETAIL: …\ny"),
    ],
)
def test_discretion(text, left):
    assert discreet(text) == left
