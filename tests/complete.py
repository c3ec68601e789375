"""A run of the whole suite calls every address and renders every page, or it fails.

Each process notes what it saw; the one that reports adds it up. Nothing is asked of a
run of some tests only.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import jinja2
import pytest
from litestar.routes import HTTPRoute

from server.settings import Environment, Settings

ROOT = Path(__file__).parent.parent
PAGES = (
    "account",
    "ambassador",
    "checkin",
    "mail",
    "organize",
    "portal",
    "print",
    "public",
)
VARIABLE = "apero_notes"


class Complete:
    """The plugin; registered by conftest in the controller and in every worker."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.seen: dict[str, set[str]] = {"addresses": set(), "templates": set()}
        self.missed: list[str] = []
        worker = getattr(config, "workerinput", None)
        self.is_worker = worker is not None
        self.kept = None if worker else tempfile.TemporaryDirectory(prefix="apero-seen-")
        self.folder = Path(worker[VARIABLE] if worker else self.kept.name)
        self._watch(HTTPRoute, "handle", self._asked)
        self._watch(jinja2.Template, "new_context", self._rendered)

    def _watch(self, kind: type, name: str, note: Any) -> None:
        original = getattr(kind, name)

        def watched(this: Any, *args: Any, **kwargs: Any) -> Any:
            note(this, *args)
            return original(this, *args, **kwargs)

        setattr(kind, name, watched)

    def _asked(self, route: HTTPRoute, scope: Any, *_: object) -> None:
        self.seen["addresses"].add(f"{scope['method']} {route.path_format}")

    def _rendered(self, template: jinja2.Template, *_: object) -> None:
        if template.name:
            self.seen["templates"].add(template.name)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where to note what it saw."""
        node.workerinput[VARIABLE] = str(self.folder)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.is_worker:
            notes = {kind: sorted(seen) for kind, seen in self.seen.items()}
            path = self.folder / f"{self.config.workerinput['workerid']}.json"
            path.write_text(json.dumps(notes))
        elif self._is_whole() and exitstatus == 0:
            self.missed = self.missing()
            if self.missed:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_unconfigure(self) -> None:
        if self.kept is not None:
            self.kept.cleanup()

    def _is_whole(self) -> bool:
        """Was everything asked for, and nothing left out?"""
        option = self.config.option
        chosen = option.keyword or option.markexpr or option.collectonly
        is_all = self.config.args_source is pytest.Config.ArgsSource.TESTPATHS
        return is_all and not chosen and not getattr(option, "lf", False)

    def missing(self) -> list[str]:
        """Name what no test asked for or rendered."""
        for path in self.folder.glob("*.json"):
            for kind, seen in json.loads(path.read_text()).items():
                self.seen[kind] |= set(seen)
        return sorted(
            (addresses() - self.seen["addresses"]) | (templates() - self.seen["templates"])
        )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.missed:
            terminalreporter.section("never exercised by any test", red=True)
            for one in self.missed:
                terminalreporter.line(one)


def addresses() -> set[str]:
    """Every address of the site map."""
    from server.app import make_app

    settings = Settings(environment=Environment.TEST, secret_key=b"x" * 32)
    return {
        f"{method} {route.path_format}"
        for route in make_app(settings).app.routes
        for method in getattr(route, "route_handler_map", {})
        if method != "OPTIONS"
        and (
            not route.path_format.startswith("/api/v1/schema")
            or "json" in route.path_format
        )
    }


def templates() -> set[str]:
    """Every page, letter and document."""
    folder = ROOT / "templates"
    return {
        str(path.relative_to(folder))
        for room in PAGES
        for path in (folder / room).rglob("*")
        if path.suffix in {".html", ".txt"}
    }
