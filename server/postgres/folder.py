"""The folder of an embedded PostgreSQL: data, log, sockets and the superuser's password.

The folder itself belongs to who starts Apéro; the account that runs PostgreSQL owns only
what is inside data, log and run. Data that this account could not reach lives in a room
of the shelter instead, and a file in the folder says which.
"""

import hashlib
import os
import pwd
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from server.postgres import programs
from server.postgres.programs import OVERRIDE, RunsAs
from server.postgres.refusals import PostgresWontStart, remedy

SUPERUSER = "postgres"
PORT = 5432  # it only names the socket file: nothing listens on the network
SOCKET = f".s.PGSQL.{PORT}"
LONGEST_SOCKET = 103  # bytes, the shortest limit we meet (macOS; Linux has 107)
UNFIT = set(",\"'\\")  # clients take a comma for a second host
SHORT_FOLDERS = Path("/tmp")  # noqa: S108 - ours inside is private and its owner checked
LOG_LINES = 15

CLUSTER = (
    f"--username={SUPERUSER}",
    "--auth-local=scram-sha-256",
    "--auth-host=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
)


@dataclass(frozen=True)
class Address:
    """Where a server listens (the host is a socket folder) and its superuser's keys."""

    host: str
    port: int
    user: str
    password: str


def create(path: Path, text: str) -> None:
    """Write a new private file that outlives a power cut; never through somebody's link."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(handle)
    _settle(path.parent)


def _settle(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def read_end(path: Path) -> list[str]:
    """The last lines of a log, or nothing."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    with os.fdopen(handle, "rb") as file:
        file.seek(max(0, os.fstat(handle).st_size - 8192))
        return file.read().decode(errors="replace").splitlines()[-LOG_LINES:]


class Folder:
    """One folder, and the room where its data lives: the folder itself, or a shelter."""

    def __init__(self, home: Path, who: RunsAs) -> None:
        self.home = home.expanduser().resolve()
        self.who = who
        self.room = self.home

    @property
    def data(self) -> Path:
        return self.room / "data"

    @property
    def log(self) -> Path:
        return self.room / "log"

    @property
    def sockets(self) -> Path:
        """Where the socket is: elsewhere when our own name is too long or odd for one."""
        folder = self.room / "run"
        is_short = len(os.fsencode(folder / SOCKET)) <= LONGEST_SOCKET
        if is_short and not UNFIT & set(str(folder)):
            return folder
        name = hashlib.sha256(os.fsencode(self.room)).hexdigest()[:16]
        return SHORT_FOLDERS / f"apero-{name}"

    @property
    def address(self) -> Address:
        password = (self.home / "password").read_text()
        return Address(str(self.sockets), PORT, SUPERUSER, password)

    def open(self) -> None:
        """Have the folder, and have it ours."""
        self.home.mkdir(parents=True, exist_ok=True)
        owner = self.home.stat().st_uid
        if owner != os.geteuid():
            try:
                name = pwd.getpwuid(owner).pw_name
            except KeyError:
                name = f"user {owner}"
            raise PostgresWontStart(
                f"{self.home} belongs to {name}.", f"Start Apéro as {name}."
            )
        self.home.chmod(0o711 if self.who.is_other else 0o700)

    def prepare(self, bin_dir: Path, version: int) -> None:
        """Have a cluster of this version that the account can use."""
        if self.room != self.home:
            programs.make_shelter(self.room)
        if not self.who.reaches(self.room):
            raise PostgresWontStart(
                f"the user nobody, who runs it for root, cannot reach {self.room}.",
                "Open the folders above it for passing through (chmod o+x).",
            )
        for private in (self.log, self.sockets):
            self.who.own(private)
        if not self.data.exists():
            self._make_cluster(bin_dir)
        made_by = int((self.data / "PG_VERSION").read_text())
        if made_by != version:
            raise PostgresWontStart(
                f"the data in {self.room} was made by PostgreSQL {made_by}, "
                f"the programs are PostgreSQL {version}.",
                f"Set {OVERRIDE} to the bin folder of a PostgreSQL {made_by}, dump the "
                "data with its pg_dumpall, and restore it into a new folder.",
            )
        if not (self.home / "password").exists():
            raise PostgresWontStart(
                f"{self.home / 'password'} is missing.", "Restore it from the last backup."
            )

    def find_room(self) -> None:
        """Settle where the data lives: here, or where a note says it was moved to."""
        note = self.home / "moved-to"
        if note.exists():
            self.room = Path(note.read_text().strip())
            if not self.data.exists():
                raise PostgresWontStart(
                    f"the data of {self.home} should be in {self.room}, which is gone.",
                    f"Bring it back, or remove {note} to start with an empty database.",
                )
        elif self.who.reaches(self.home):
            self.room = self.home
        elif (self.home / "data").exists():
            raise PostgresWontStart(
                f"the user nobody, who runs it for root, can no longer reach {self.home}.",
                "Move it back, or open the folders above for passing through (chmod o+x).",
            )
        else:
            self.room = programs.SHELTER / f"{self.home.name}-{secrets.token_hex(8)}"

    def last_lines(self) -> tuple[str, ...]:
        """The last lines PostgreSQL wrote since it was launched."""
        lines = read_end(self.home / "boot.log")
        if any("redirecting log output" in line for line in lines):
            logs = self.log.glob("*.log")
            lines = read_end(max(logs, key=lambda log: log.lstat().st_mtime))
        return tuple(lines)

    def remedy(self, lines: tuple[str, ...]) -> str:
        return remedy(lines, otherwise=f"Read the log in {self.log}, then start again.")

    def _make_cluster(self, bin_dir: Path) -> None:
        """Make the data aside, then give it its name: it is whole or not there."""
        for leftover in self.room.glob("data.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        half = self.room / f"data.new-{secrets.token_hex(4)}"
        self.who.own(half)
        password = secrets.token_urlsafe(32)
        create(self.home / "password", password)
        handed = self.sockets / "password"  # a copy its account may read
        create(handed, password)
        os.chown(handed, self.who.uid, self.who.gid)
        initdb = (bin_dir / "initdb", f"--pgdata={half}", f"--pwfile={handed}")
        code, said = self.who.run(*initdb, *CLUSTER)
        handed.unlink()
        if code != 0:
            shutil.rmtree(half, ignore_errors=True)
            lines = tuple(said.splitlines()[-LOG_LINES:])
            raise PostgresWontStart(
                "the data folder could not be made.", self.remedy(lines), lines
            )
        half.rename(self.data)
        _settle(self.room)
        if self.room != self.home:
            create(self.room / "made-for", f"{self.home}\n")
            create(self.home / "moved-to", f"{self.room}\n")
