"""The keeper of one embedded PostgreSQL: start or adopt, watch, stop."""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from server.postgres import programs
from server.postgres.folder import PORT, SOCKET, Address, Folder, create, read_end
from server.postgres.refusals import AlreadyKept, PostgresWontStart

NO_SUCH_PID = str(2**31 - 1)
PATIENCE = 600.0
FAREWELL = 60.0

SETTINGS = {
    "listen_addresses": "",
    "port": f"{PORT}",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "random_page_cost": "1.1",  # what is read often is in memory or on a solid disk
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",
    "log_destination": "stderr",
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",  # seven files, each overwritten a week later
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
}


class EmbeddedPostgres:
    """One PostgreSQL and its folder, looked after by this process."""

    def __init__(self, home: Path) -> None:
        self._folder = Folder(home, programs.runs_as())
        self._bin = Path()
        self._lock: int | None = None
        self._process: subprocess.Popen[str] | None = None
        self._adopted: int | None = None
        os.register_at_fork(after_in_child=self._let_go)  # a fork keeps nothing

    @property
    def pid(self) -> int | None:
        """The process we look after, while it lives."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        if self._adopted is not None and self._adopted != self._find_postmaster():
            self._adopted = None
        return self._adopted

    def start(self, wait: float = PATIENCE) -> Address:
        """Start or adopt the server; return once it answers, however long it repairs."""
        deadline = time.monotonic() + wait
        try:
            self._folder.open()
            self._take_lock()
            if self.pid is None:
                self._folder.find_room()
                self._bin, version = programs.binaries(self._folder.who)
                self._folder.prepare(self._bin, version)
                self._adopted = self._find_postmaster()
            self._await_answer(deadline)
        except OSError as error:
            self._let_go()
            remedy = self._folder.remedy((str(error),))
            raise PostgresWontStart(f"{error}.", remedy) from error
        except PostgresWontStart:
            self._let_go()
            raise
        except BaseException:  # somebody pressed Ctrl-C: leave nothing running behind
            self.stop()
            raise
        return self._folder.address

    def stop(self) -> None:
        """Shut down in order, if this process looks after the server."""
        if self._lock is None:
            return
        for farewell in (signal.SIGINT, signal.SIGQUIT):  # fast, then at once
            deadline = time.monotonic() + FAREWELL
            if (pid := self.pid) is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, farewell)
            while self.pid is not None and time.monotonic() < deadline:
                time.sleep(0.02)
        self._let_go()

    def watch(self) -> int | None:
        """None while the server lives, then its exit code; `start()` brings it back."""
        if self.pid is not None:
            return None
        code = self._process.returncode if self._process is not None else None
        return 1 if code is None else code  # an adopted server leaves us no exit code

    def find(self) -> Address | None:
        """The server another process of ours keeps running here, once it answers."""
        self._folder.find_room()
        if not self._folder.data.exists():
            return None
        self._bin, _ = programs.binaries(self._folder.who)
        return self._folder.address if self._answers() else None

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        handle = os.open(self._folder.home / "lock", flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise AlreadyKept(
                f"another Apéro process already looks after {self._folder.home}.",
                "Use that one, or stop it first.",
            ) from error
        self._lock = handle

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    def _find_postmaster(self) -> int | None:
        """The server that works on our data, whoever started it and whatever files say."""
        mark = f" -D {self._folder.data} "  # until it has entered its folder
        for pid, command in programs.processes(self._folder.who.uid):
            is_server = " --listen_addresses=" in command
            if is_server and (mark in command or self._is_inside(pid)):
                return pid
        return None

    def _is_inside(self, pid: int) -> bool:
        """Does this process work in our data folder, even if the folder was renamed?"""
        try:
            return (programs.PROCESSES / str(pid) / "cwd").samefile(self._folder.data)
        except OSError:
            return False

    def _await_answer(self, deadline: float) -> None:
        has_launched = False
        while True:
            if self.pid is None:
                if has_launched and not self._is_retryable():
                    lines = self._folder.last_lines()
                    remedy = self._folder.remedy(lines)
                    raise PostgresWontStart("it ended.", remedy, lines)
                self._launch()
                has_launched = True
            elif self._answers():
                return
            if time.monotonic() > deadline:
                raise PostgresWontStart(
                    "it is still getting ready (after a crash it repairs itself first).",
                    "Leave it running and start Apéro again later.",
                    self._folder.last_lines(),
                )
            time.sleep(0.02)

    def _is_retryable(self) -> bool:
        """A dying child of the last server may hold its memory for a moment."""
        lines = read_end(self._folder.home / "boot.log")
        return any("still in use" in line for line in lines)

    def _answers(self) -> bool:
        where = (f"--host={self._folder.sockets}", f"--port={PORT}", "--dbname=postgres")
        return self._folder.who.run(self._bin / "pg_isready", *where)[0] == 0

    def _launch(self) -> None:
        self._clear_traces()
        folder = self._folder
        places = {
            "log_directory": str(folder.log),
            "unix_socket_directories": f'"{folder.sockets}"',  # it may hold spaces
        }
        options = [f"--{name}={value}" for name, value in (SETTINGS | places).items()]
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        log = os.open(folder.home / "boot.log", flags, 0o600)
        program = self._bin / "postgres"
        try:
            self._process = folder.who.spawn(program, "-D", folder.data, *options, out=log)
        finally:
            os.close(log)

    def _clear_traces(self) -> None:
        """Remove what a killed server left; only ever called when none is alive."""
        who = self._folder.who
        for pid, command in programs.processes(who.uid):
            if command.startswith("postgres: ") and self._is_inside(pid):
                with suppress(ProcessLookupError):  # it would hold up the repair
                    os.kill(pid, signal.SIGKILL)
        for name in (SOCKET, f"{SOCKET}.lock"):
            (self._folder.sockets / name).unlink(missing_ok=True)
        note = self._folder.data / "postmaster.pid"
        lines = read_end(note)
        if lines:  # its number may be another process's by now; PostgreSQL needs the rest
            create(note, "\n".join([NO_SUCH_PID, *lines[1:], ""]))
            os.chown(note, who.uid, who.gid)
        else:
            note.unlink(missing_ok=True)


@contextmanager
def running(home: Path) -> Iterator[Address]:
    """A server for this folder: one of ours that runs already, or ours for this block."""
    server = EmbeddedPostgres(home)
    deadline = time.monotonic() + PATIENCE
    address: Address | None = None
    while address is None:
        try:
            address = server.start()
        except AlreadyKept:
            address = server.find()
            if address is None:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
    try:
        yield address
    finally:
        server.stop()  # does nothing when another process looks after it
