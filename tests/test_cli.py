"""The command line, as somebody at a terminal uses it: real processes, a folder of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pypdf
import pytest
from click.testing import CliRunner

from server.cli import main

APERO = Path(sys.executable).with_name("apero")


class Terminal:
    """A terminal in front of one data folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = {name: value for name, value in os.environ.items() if name[:6] != "APERO_"}
        self.env = kept | {"APERO_ENV": "test", "APERO_DATA": str(home / "data")}

    def type(self, *words: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [APERO, *words],
            env=self.env | env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    with tempfile.TemporaryDirectory(
        prefix="apero-cli-", ignore_cleanup_errors=True
    ) as name:
        Path(name).chmod(0o755)
        yield Terminal(Path(name))


@pytest.fixture(scope="module")
def seeded(terminal: Terminal) -> dict:
    file = terminal.home / "seed.json"
    made = terminal.type("seed", "--profile", "small", "--people", "6", "--json", str(file))
    assert made.returncode == 0, made.stderr
    return json.loads(file.read_text())


def test_it_says_which_release_it_is(terminal):
    assert terminal.type("version").stdout.startswith("apero 20")


def test_every_command_says_what_it_does():
    listed = CliRunner().invoke(main, ["--help"]).output
    for command in main.commands:
        assert command in listed
        said = CliRunner().invoke(main, [command, "--help"])
        assert said.exit_code == 0
        assert main.commands[command].help.splitlines()[0] in said.output


def test_a_seed_holds_all_that_a_client_needs(seeded):
    for place in (seeded, seeded["other"]):
        assert set(place["workspace"]) == {"id", "slug"}
        assert set(place["meetup"]) == {"id", "slug", "path"}
        assert place["gate"]["id"]
        assert set(place["tokens"]) >= {"owner", "manager", "door", "sponsor"}
        assert place["device_token"].startswith("apero_dev_")
        assert len(place["tickets"]) == 6
        assert set(place["tickets"][0]) == {"code", "registration"}
    assert seeded["workspace"]["id"] != seeded["other"]["workspace"]["id"]


@pytest.mark.parametrize("profile", ["door", "rush", "engagement"])
def test_each_profile_makes_its_own_world(terminal, profile):
    made = terminal.type("seed", "--profile", profile, "--people", "12")
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout)
    assert len(found["tickets"]) == (0 if profile == "rush" else 12)


def test_seeds_are_refused_in_production(terminal):
    settings = {
        "APERO_ENV": "production",
        "APERO_ORIGIN": "https://apero.example",
        "APERO_SMTP_URL": "smtp://127.0.0.1:9",
    }
    refused = terminal.type("seed", **settings)
    assert refused.returncode == 2
    assert "APERO_ENV=test or demo" in refused.stderr
    assert terminal.type("demo", **settings).returncode == 2


def test_a_file_is_looked_at_then_brought_in_then_known(terminal, seeded):
    file = terminal.home / "membres.csv"
    file.write_bytes(
        "Prénom;Nom de famille;Courriel\nZoé;Léger;zoe@b.example\n".encode("cp1252")
    )
    words = ("--workspace", seeded["workspace"]["slug"], "--community", "everybody")
    dry = terminal.type("import", "members", str(file), *words, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    brought = terminal.type("import", "members", str(file), *words, "--agreed")
    assert brought.returncode == 0, brought.stderr
    again = terminal.type("import", "members", str(file), *words, "--agreed")
    assert again.returncode == 0, again.stderr
    assert dry.stderr != brought.stderr != again.stderr


def test_what_is_not_there_is_said_in_words(terminal, seeded):
    file = terminal.home / "rien.csv"
    file.write_text("email,name\n")
    slug = seeded["workspace"]["slug"]
    for words, sentence in (
        (("report", "nowhere", "x"), "No workspace has this address."),
        (("report", slug, "nothing"), "nothing of that address"),
        (
            ("import", "members", str(file), "--workspace", slug, "--community", "none"),
            "nothing of that address",
        ),
        (
            (
                "import",
                "activity",
                str(file),
                "--workspace",
                slug,
                "--community",
                "everybody",
                "--channel",
                "none",
            ),
            "no channel of that name",
        ),
    ):
        refused = terminal.type(*words)
        assert refused.returncode == 2, words
        assert sentence in " ".join(refused.stderr.split()), refused.stderr


def test_a_report_is_written_in_three_forms(terminal, seeded):
    where = (seeded["workspace"]["slug"], seeded["meetup"]["slug"])
    said = terminal.type("report", *where, "--language", "en")
    figures = {one["key"]: one["value"] for one in json.loads(said.stdout)["figures"]}
    assert figures["registered"] == 6
    table = terminal.type("report", *where, "--format", "csv")
    assert "registered" in table.stdout
    paper = terminal.home / "report.pdf"
    printed = terminal.type("report", *where, "--format", "pdf", "--out", str(paper))
    assert printed.returncode == 0, printed.stderr
    assert "6" in pypdf.PdfReader(paper).pages[0].extract_text()


def test_the_doctor_finds_nothing_wrong_and_the_schema_is_up_to_date(terminal, seeded):
    well = terminal.type("doctor")
    assert well.returncode == 0, well.stderr
    assert "Nothing keeps Apéro from running." in well.stderr
    assert "Nothing to migrate." in terminal.type("migrate").stderr


def test_a_bounce_of_somebody_else_is_not_ours(terminal, seeded):
    said = terminal.type("bounce", stdin="Subject: hello\n\nhello\n")
    assert "not about a letter of ours" in " ".join(said.stderr.split())


def test_an_old_address_or_a_bad_setting_stops_it_with_a_sentence(terminal):
    for env, sentence in (
        ({"APERO_ENV": "prod"}, "APERO_ENV must be one of"),
        ({"PORT": "http"}, "PORT must be a whole number"),
        ({"APERO_TRUSTED_PROXIES": "*"}, "never *"),
    ):
        refused = terminal.type("migrate", **env)
        assert refused.returncode == 2
        assert sentence in " ".join(refused.stderr.split())
