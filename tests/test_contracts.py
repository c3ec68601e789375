"""The import contracts bite: each is broken once, in a copy, and must say so."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

# What is planted, where, and the contract that must call it out.
PLANTS = [
    ("server/planted.py", "import events.people", "Rooms"),
    ("server/planted.py", "import checkin", "Rooms"),
    ("events/people/planted.py", "import checkin", "Rooms"),
    ("server/planted.py", "import server.app", "Only the composing files"),
    ("events/people/planted.py", "import events.planning", "Floors"),
    ("events/planning/planted.py", "import events.admission", "Floors"),
    ("events/admission/planted.py", "import events.engagement", "Floors"),
    ("events/planted.py", "", "Floors"),
    ("events/people/planted.py", "import events.pages", "Pages are known"),
    ("checkin/planted.py", "import checkin.pages", "Pages are known"),
    ("events/people/planted.py", "import events.people.knot", "No circles"),
    ("checkin/verdicts.py", "import server.errors", "Pure"),
    ("checkin/verdicts.py", "import checkin.sync", "Pure"),
    ("events/engagement/lift.py", "import events.people", "Pure"),
    ("events/engagement/disclosure.py", "import server.errors", "Pure"),
    ("server/charts/__init__.py", "import server.errors", "Pure"),
    ("events/people/planted.py", "import litestar", "Litestar"),
    ("server/planted.py", "from litestar import get", "Litestar"),
    ("server/planted.py", "import stripe", "Stripe"),
    ("events/people/planted.py", "import icalendar", "icalendar"),
    ("checkin/planted.py", "import qrcode.image", "qrcode"),
    ("server/planted.py", "import jinja2", "Jinja"),
    ("checkin/planted.py", "import weasyprint", "Jinja"),
    ("events/people/planted.py", "import pgqueuer", "pgqueuer"),
    ("events/people/planted.py", "import aiosmtplib", "aiosmtplib"),
]

# The plants speak of these; a copy of a house still being built gets an empty one.
SPOKEN_OF = [
    "checkin/pages",
    "checkin/sync",
    "server/access",
    "server/app",
    "server/errors",
]

# What is allowed must stay so, or a contract that always fails would pass for a good one.
ALLOWED = [
    ("server/sitemap.py", "import checkin.pages, events.pages, litestar"),
    ("events/pages/planted.py", "import litestar, events.engagement, server.access"),
    ("events/admission/payments.py", "import stripe"),
    ("checkin/planted.py", "import events.people, server.errors"),
]


@pytest.fixture
def copy(tmp_path):
    """Copy the Python files and the contracts."""
    shutil.copy(HOUSE / "pyproject.toml", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(HOUSE / "tests/contracts.py", tmp_path / "tests")
    for room in ("server", "events", "checkin"):
        for file in (HOUSE / room).rglob("*.py"):
            target = tmp_path / file.relative_to(HOUSE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    for name in SPOKEN_OF:
        if not (tmp_path / name).is_dir():
            (tmp_path / f"{name}.py").touch()
    return tmp_path


def write(copy, path, line):
    """Add a line at the end of a module, or make the module; a package has it in front."""
    file = copy / path
    if file.with_suffix("").is_dir():
        file = file.with_suffix("") / "__init__.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as module:
        module.write(f"\n{line}\n")


def broken_contracts(copy):
    """Run the linter in the copy, and return the names of the contracts it found broken."""
    done = subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache"],
        cwd=copy,
        env={"COLUMNS": "200", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    names = re.findall(r"^(.+) BROKEN\b", done.stdout, re.MULTILINE)
    # 0 and 1 say kept and broken; without a line for each, the linter itself failed.
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    assert done.returncode == bool(names), done.stdout
    return names


def test_the_house_keeps_its_contracts(copy):
    assert broken_contracts(copy) == []


@pytest.mark.parametrize(("path", "line"), ALLOWED)
def test_a_contract_lets_through_what_is_allowed(copy, path, line):
    write(copy, path, line)

    assert broken_contracts(copy) == []


@pytest.mark.parametrize(("path", "line", "contract"), PLANTS)
def test_a_planted_import_breaks_its_contract(copy, path, line, contract):
    write(copy, "events/people/knot.py", "import events.people.planted")
    write(copy, path, line)

    assert [name for name in broken_contracts(copy) if name.startswith(contract)]


def test_every_pure_file_exists():
    contracts = tomllib.loads((HOUSE / "pyproject.toml").read_text())["tool"][
        "importlinter"
    ]
    [pure] = [contract for contract in contracts["contracts"] if contract["type"] == "pure"]

    for module in pure["source_modules"]:
        path = HOUSE / module.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").exists(), module
