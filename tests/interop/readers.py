"""Six programs that read calendars, asked the same: which evenings, from when to when?

Each is asked in its own manner, as the programs that use it do. What they answer is made
alike: the moments in UTC, the title, and whether it is called off.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import httpx
import recurring_ical_events
import vobject
from icalendar import Calendar

from tests.interop.node import node

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
STAMP = "%Y-%m-%dT%H:%M"
AUTH = ("ana", "ana")
KHAL = f"""\
[locale]
local_timezone = UTC
default_timezone = UTC
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = {STAMP}
longdatetimeformat = {STAMP}
"""
PAIRS = """
[pair {name}_in]
a = "{name}_feed"
b = "{name}_server"
collections = null
conflict_resolution = "a wins"
partial_sync = "ignore"

[pair {name}_out]
a = "{name}_server"
b = "{name}_folder"
collections = null

[storage {name}_feed]
type = "http"
url = "{feeds}/{name}.ics"

[storage {name}_server]
type = "caldav"
url = "{server}/ana/{name}/"
username = "ana"
password = "ana"

[storage {name}_folder]
type = "filesystem"
path = "{folder}/seen/{name}"
fileext = ".ics"
"""


class Seen(NamedTuple):
    """One evening as a program shows it."""

    starts_at: datetime
    ends_at: datetime
    title: str
    is_off: bool


# Under Node


def under_node(
    calendars: Mapping[str, str], since: datetime, until: datetime
) -> dict[str, dict[str, list[Seen]]]:
    """What ical.js and node-ical see in each of these calendars."""
    asked = {"from": since.isoformat(), "to": until.isoformat(), "calendars": calendars}
    answer = subprocess.run(
        [node(), HERE / "readers.mjs"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        name: {
            reader: sorted(
                Seen(
                    datetime.fromisoformat(one["start"]),
                    datetime.fromisoformat(one["end"]),
                    one["title"],
                    one["status"] == "CANCELLED",
                )
                for one in seen
            )
            for reader, seen in readers.items()
        }
        for name, readers in json.loads(answer.stdout).items()
    }


# In Python


def by_recurring(text: str, since: datetime, until: datetime) -> list[Seen]:
    """What recurring-ical-events sees."""
    found = recurring_ical_events.of(Calendar.from_ical(text)).between(since, until)
    return sorted(
        Seen(
            one["DTSTART"].dt.astimezone(UTC),
            one["DTEND"].dt.astimezone(UTC),
            str(one["SUMMARY"]),
            one["STATUS"] == "CANCELLED",
        )
        for one in found
    )


def by_vobject(text: str, since: datetime, until: datetime) -> list[Seen]:
    """What vobject sees: it works the rules out, and leaves changes to whoever asks."""
    entries = vobject.readOne(text).contents.get("vevent", [])
    changed = {
        (one.uid.value, one.recurrence_id.value.astimezone(UTC))
        for one in entries
        if "recurrence-id" in one.contents
    }
    found = []
    for one in entries:
        lasts = one.dtend.value - one.dtstart.value
        starts = [one.dtstart.value.astimezone(UTC)]
        if "rrule" in one.contents:
            days = (day.astimezone(UTC) for day in one.getrruleset(addRDate=True))
            coming = takewhile(lambda day: day < until, days)
            starts = [day for day in coming if (one.uid.value, day) not in changed]
        is_off = one.status.value == "CANCELLED"
        title = one.summary.value
        found += [Seen(day, day + lasts, title, is_off) for day in starts]
    return sorted(one for one in found if since <= one.starts_at < until)


# By way of a server: a subscription, brought to CalDAV, brought to a folder, read there


@contextmanager
def published(calendars: dict[str, bytes]) -> Iterator[str]:
    """The feeds on a real address; what the mapping holds may change meanwhile."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = calendars[self.path.strip("/").removesuffix(".ics")]
            self.send_response(200)
            self.send_header("content-type", "text/calendar; charset=utf-8")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def caldav(folder: Path) -> Iterator[str]:
    """A CalDAV server of its own (radicale), with nothing in it."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "server-hosts": f"127.0.0.1:{port}",
        "auth-type": "none",
        "rights-type": "authenticated",
        "storage-filesystem-folder": str(folder),
        "logging-level": "error",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "radicale", "--config", os.devnull, *words]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address)
            yield address
        finally:
            server.terminate()


def _wait_for(address: str) -> None:
    for _ in range(200):
        try:
            httpx.get(f"{address}/.web/", timeout=1)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    message = "the CalDAV server did not answer"
    raise TimeoutError(message)


class Subscriber:
    """Somebody whose calendar follows these feeds: vdirsyncer brings them, khal shows them.

    One pair brings each feed to the server, another brings what the server has to a
    folder, so that what is read has been through CalDAV.
    """

    def __init__(self, folder: Path, feeds: str, server: str, names: list[str]) -> None:
        self.folder, self.names = folder, names
        self.env = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "VDIRSYNCER_CONFIG": str(folder / "vdirsyncer.conf"),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }
        pairs = [_pair(folder, name, feeds, server) for name in names]
        general = f'[general]\nstatus_path = "{folder}/status"\n'
        (folder / "vdirsyncer.conf").write_text("\n".join([general, *pairs]))
        places = [f"[[{name}]]\npath = {folder}/seen/{name}\n" for name in names]
        (folder / "khal.conf").write_text(KHAL + "\n".join(["[calendars]", *places]))
        for name in names:
            (folder / "seen" / name).mkdir(parents=True)
            made = httpx.request("MKCALENDAR", f"{server}/ana/{name}/", auth=AUTH)
            assert made.status_code == httpx.codes.CREATED, made.text
        self._sync("discover", "--no-list")

    def fetch(self) -> None:
        """Follow every feed as it is now, and take what the server has."""
        self._sync("sync", *(f"{name}_in" for name in self.names))
        self._sync("sync", *(f"{name}_out" for name in self.names))

    def shows(self, since: datetime, until: datetime) -> dict[str, list[Seen]]:
        """What khal shows of each calendar."""
        fields = ("calendar", "start-long", "end-long", "title", "status")
        asked = [word for field in fields for word in ("--json", field)]
        told = self._run(
            "khal", "-c", str(self.folder / "khal.conf"), "list", "--notstarted",
            *asked, f"{since:%Y-%m-%d}", f"{(until - since).days}d",
        )  # fmt: skip
        seen: dict[str, set[Seen]] = {name: set() for name in self.names}
        for line in told.splitlines():
            for one in json.loads(line):
                seen[one["calendar"]].add(_of_khal(one))
        return {name: sorted(found) for name, found in seen.items()}

    def _sync(self, *words: str) -> None:
        self._run("vdirsyncer", "--verbosity=ERROR", *words)

    def _run(self, program: str, *words: str) -> str:
        done = subprocess.run(
            [BIN / program, *words],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (program, words, done.stdout, done.stderr)
        return done.stdout


def _of_khal(told: Mapping[str, str]) -> Seen:
    starts, ends = (
        datetime.strptime(told[name], STAMP).replace(tzinfo=UTC)
        for name in ("start-long", "end-long")
    )
    return Seen(starts, ends, told["title"], told["status"].strip() == "CANCELLED")


def _pair(folder: Path, name: str, feeds: str, server: str) -> str:
    return PAIRS.format(folder=folder, name=name, feeds=feeds, server=server)
