"""The embedded PostgreSQL, on the real programs: starts, deaths and refusals."""

import asyncio
import multiprocessing
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path

import asyncpg
import pytest

from server.postgres import (
    Address,
    AlreadyKept,
    EmbeddedPostgres,
    PostgresWontStart,
    programs,
    running,
)
from server.postgres.programs import binaries, runs_as

ROOT = Path(__file__).parent.parent
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")

KEEPER = """
import sys, time
from pathlib import Path
from server.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""

USER = """
import sys, time
from pathlib import Path
from server.postgres import running
with running(Path(sys.argv[1])) as address:
    print(address.host, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _undone() -> None:
    """Nothing to roll back: each test has a server of its own."""


@pytest.fixture
def place(monkeypatch) -> Iterator[Path]:
    """A short folder that everybody may pass through, and a shelter inside it."""
    folder = Path(tempfile.mkdtemp(prefix="apero-test-", dir="/tmp"))
    folder.chmod(0o711)
    monkeypatch.setattr(programs, "SHELTER", folder / "shelter")
    yield folder
    for pid, command in list(programs.processes(runs_as().uid)):
        if f"{folder}/" in command:
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def fresh(place) -> Path:
    """A folder that was never started."""
    return place / "fresh"


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """A folder that was started and stopped once, to be copied."""
    folder = Path(tempfile.mkdtemp(prefix="apero-test-", dir="/tmp"))
    folder.chmod(0o711)
    with running(folder / "home"):
        pass
    yield folder / "home"
    shutil.rmtree(folder)


@pytest.fixture
def home(place, stopped) -> Path:
    """A folder with a database in it, of this test alone."""
    copy = ["cp", "-a", str(stopped), str(place / "home")]
    subprocess.run(copy, check=True)
    return place / "home"


@pytest.fixture
def server(home) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home)
    yield server
    server.stop()


def alone(work: Coroutine[object, object, object]) -> object:
    """Run it in a loop of its own, so that the loop of the suite is left alone."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


def ask(address: Address, *questions: str, **other: str) -> object:
    """The first value the last question gives."""

    async def answer() -> object:
        keys = {"user": address.user, "password": address.password} | other
        found = None
        connection = await asyncpg.connect(
            host=address.host, port=address.port, database="postgres", **keys
        )
        try:
            for question in questions:
                found = await connection.fetchval(question)
        finally:
            await connection.close()
        return found

    return alone(answer())


def keep(home: Path) -> tuple[subprocess.Popen[str], int]:
    """Another process of ours that looks after the folder, and its server."""
    keeper = subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(home)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert keeper.stdout is not None
    return keeper, int(keeper.stdout.readline())


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def is_alive(pid: int) -> bool:
    """A dead process that its parent has not buried yet has no command."""
    return bool(dict(programs.processes(runs_as().uid)).get(pid))


def write_down(address: Address) -> None:
    ask(address, "create table fact (said text)", "insert into fact values ('kept')")


# Starting


def test_the_second_start_takes_less_than_the_first(fresh):
    server = EmbeddedPostgres(fresh)
    began = time.monotonic()
    write_down(server.start())
    first = time.monotonic() - began
    server.stop()
    began = time.monotonic()
    address = server.start()
    second = time.monotonic() - began
    assert ask(address, "select said from fact") == "kept"
    server.stop()
    print(f"first start {first:.2f} s, second {second:.2f} s")  # noqa: T201
    assert second < max(first, 1)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("listen_addresses", ""),
        ("unix_socket_permissions", "0700"),
        ("max_connections", "120"),
        ("shared_buffers", "128MB"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("jit", "off"),
        ("timezone", "UTC"),
        ("password_encryption", "scram-sha-256"),
        ("idle_in_transaction_session_timeout", "1min"),
        ("logging_collector", "on"),
        ("log_truncate_on_rotation", "on"),
        ("server_encoding", "UTF8"),
    ],
)
def test_the_settings_are_ours(one_for_all, setting, value):
    assert ask(one_for_all, f"show {setting}") == value


@pytest.fixture(scope="module")
def one_for_all() -> Iterator[Address]:
    folder = Path(tempfile.mkdtemp(prefix="apero-test-", dir="/tmp"))
    folder.chmod(0o711)
    with running(folder / "home") as address:
        yield address
    shutil.rmtree(folder)


def test_text_is_ordered_by_the_builtin_provider(one_for_all):
    question = "select datlocprovider::text || datlocale from pg_database limit 1"
    assert ask(one_for_all, question) == "bC.UTF-8"


def test_a_wrong_password_is_refused(one_for_all):
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(one_for_all, "select 1", password="wrong")


def test_the_superuser_is_postgres_and_its_password_stays_private(server, home):
    address = server.start()
    assert ask(address, "select current_user::text") == address.user == "postgres"
    question = "select left(rolpassword, 13) from pg_authid where rolname = 'postgres'"
    assert ask(address, question) == "SCRAM-SHA-256"
    assert (home / "password").stat().st_mode & 0o777 == 0o600
    for private in ("data", "run", "log"):
        assert (home / private).stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not Path("/proc/net/unix").exists(), reason="needs Linux")
def test_nothing_listens_on_the_network(server):
    server.start()
    mine = {str(link.readlink()) for link in Path(f"/proc/{server.pid}/fd").iterdir()}
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6"), Path("/proc/net/unix")]
    rows = {t.name: t.read_text().splitlines()[1:] for t in tables if t.exists()}
    network = {
        f"socket:[{row.split()[9]}]" for n in ("tcp", "tcp6") for row in rows.get(n, [])
    }
    local = {f"socket:[{row.split()[6]}]" for row in rows["unix"]}
    assert mine & local
    assert not mine & network


def test_stopping_ends_the_server_and_frees_the_folder(server, home):
    server.start()
    pid = server.pid
    server.stop()
    assert server.pid is None
    assert not is_alive(pid)
    again = EmbeddedPostgres(home)
    again.start()
    again.stop()


def test_a_long_folder_name_gets_a_short_socket(place):
    deep = place / ("x" * 60) / ("y" * 60)
    with running(deep) as address:
        assert len(f"{address.host}/.s.PGSQL.5432") < 107
        assert Path(address.host).stat().st_mode & 0o777 == 0o700
        assert ask(address, "select 1") == 1
    shutil.rmtree(address.host)


@needs_root
def test_a_socket_folder_of_somebody_else_is_refused(place):
    deep = place / ("x" * 60) / ("y" * 60)
    squatted = EmbeddedPostgres(deep)._folder.sockets
    squatted.mkdir(mode=0o700)
    os.chown(squatted, 1, 1)
    with pytest.raises(PostgresWontStart, match="belongs to somebody else"):
        EmbeddedPostgres(deep).start()
    squatted.rmdir()


# Who runs it, and where


@needs_root
def test_root_hands_the_server_to_nobody(server, home):
    server.start()
    assert Path(f"/proc/{server.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert (home / "data").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert home.stat().st_uid == 0


@needs_root
def test_what_nobody_cannot_reach_lives_in_the_shelter(place, monkeypatch):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    package = binaries(runs_as())[0].parents[1]
    for tree in package.parent.glob(f"{package.name}*"):
        ignored = shutil.ignore_patterns("include", "pginstall")
        shutil.copytree(tree, closed / tree.name, ignore=ignored)
    programs = closed / package.name / "pginstall18" / "bin"
    monkeypatch.setenv("APERO_PG_BIN_DIR", str(programs))
    for _ in range(2):
        with running(closed / "home") as address:
            assert address.host.startswith(str(place / "shelter"))
            ask(address, "create table if not exists fact (said text)")
    assert (closed / "home" / "moved-to").read_text().startswith(str(place / "shelter"))
    assert len(list((place / "shelter" / "binaries").iterdir())) == 1


def as_nobody(work, *arguments: object) -> object:
    """What a function gives when an ordinary user runs it."""
    nobody = pwd.getpwnam("nobody")
    near, far = multiprocessing.get_context("fork").Pipe()

    def run() -> None:
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        far.send(work(*arguments))

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    far.close()
    answer = near.recv()
    child.join()
    return answer


def start_and_count(home: Path) -> object:
    with running(home) as address:
        return ask(address, "select 1 + 1"), home.stat().st_mode & 0o777


@needs_root
def test_an_ordinary_user_runs_it_as_himself(place, monkeypatch):
    monkeypatch.setenv("APERO_PG_BIN_DIR", str(binaries(runs_as())[0]))
    his = place / "his"
    his.mkdir()
    os.chown(his, pwd.getpwnam("nobody").pw_uid, -1)
    assert as_nobody(start_and_count, his / "home") == (2, 0o700)


def refusal(home: Path) -> str:
    try:
        EmbeddedPostgres(home).start()
    except PostgresWontStart as error:
        return str(error)
    return "no refusal"


@needs_root
def test_a_folder_of_another_user_is_refused_by_name(fresh):
    fresh.mkdir()
    assert "belongs to root. Start Apéro as root." in as_nobody(refusal, fresh)


@needs_root
def test_root_refuses_data_that_went_out_of_reach(server, home, place):
    server.start()
    server.stop()
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    home.rename(closed / "home")
    with pytest.raises(PostgresWontStart, match="can no longer reach"):
        EmbeddedPostgres(closed / "home").start()


@pytest.mark.parametrize("name", ["l’été à deux", "a, b", 'it\'s "1" %p'])
def test_a_folder_may_have_any_name(home, place, name):
    home.rename(place / name)
    with running(place / name) as address:
        assert ask(address, "select 1") == 1
    if not address.host.startswith(str(place)):
        shutil.rmtree(address.host)


def test_a_folder_renamed_under_a_living_server_is_adopted(home, place):
    keeper, pid = keep(home)
    kill(keeper)
    home.rename(place / "elsewhere")
    server = EmbeddedPostgres(place / "elsewhere")
    server._folder.find_room()
    assert server._find_postmaster() == pid


def test_a_folder_moved_with_its_data_still_starts(server, home, place):
    write_down(server.start())
    server.stop()
    home.rename(place / "elsewhere")
    with running(place / "elsewhere") as address:
        assert ask(address, "select said from fact") == "kept"


# Deaths


def test_a_server_whose_keeper_was_killed_is_adopted(server, home):
    keeper, pid = keep(home)
    kill(keeper)
    assert is_alive(pid)
    began = time.monotonic()
    address = server.start()
    assert time.monotonic() - began < 1
    assert server.pid == pid
    assert ask(address, "select 1") == 1
    server.stop()
    assert not is_alive(pid)


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps")
def test_adoption_needs_no_proc_folder(server, home, monkeypatch):
    keeper, pid = keep(home)
    kill(keeper)
    monkeypatch.setattr(programs, "PROCESSES", Path("/nowhere"))
    server.start()
    assert server.pid == pid


def test_a_killed_server_comes_back_with_its_data(server):
    write_down(server.start())
    assert server.watch() is None
    os.kill(server.pid, signal.SIGKILL)
    while (code := server.watch()) is None:
        time.sleep(0.01)
    assert code == -signal.SIGKILL
    assert ask(server.start(), "select said from fact") == "kept"
    assert server.watch() is None


def test_the_death_of_an_adopted_server_is_seen(server, home):
    keeper, pid = keep(home)
    kill(keeper)
    server.start()
    os.kill(pid, signal.SIGKILL)
    while is_alive(pid):
        time.sleep(0.01)
    assert server.watch() == 1
    assert ask(server.start(), "select 1") == 1


def test_a_busy_child_of_a_killed_server_does_not_hold_up_the_next(server):
    address = server.start()

    async def work_then_kill() -> None:
        keys = {"user": address.user, "password": address.password}
        connection = await asyncpg.connect(
            host=address.host, port=address.port, database="postgres", **keys
        )
        forever = "do $$ begin loop end loop; end $$"  # never notices the death
        work = asyncio.create_task(connection.execute(forever))
        await asyncio.sleep(0.2)
        os.kill(server.pid, signal.SIGKILL)
        server._process.wait()
        server.start(wait=30)
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await work

    alone(work_then_kill())
    assert ask(address, "select 1") == 1


def test_files_of_the_dead_are_not_believed_when_their_number_lives(server, home):
    write_down(server.start())
    host = Path(server._folder.address.host)
    everything = [pid for pid, _ in programs.processes(runs_as().uid) if pid == server.pid]
    traces = {path: path.read_text() for path in (home / "data").glob("postmaster.pid")}
    traces |= {path: path.read_text() for path in host.glob("*.lock")}
    assert len(traces) == 2
    for pid in everything:
        os.kill(pid, signal.SIGKILL)
    server._process.wait()
    bystander = runs_as().spawn("/bin/sleep", "60")
    for path, text in traces.items():
        path.write_text(text.replace(str(everything[0]), str(bystander.pid), 1))
    address = server.start()
    assert ask(address, "select said from fact") == "kept"
    assert bystander.poll() is None
    kill(bystander)


def test_everything_killed_loses_nothing(server, home):
    keeper, pid = keep(home)
    with running(home) as address:
        write_down(address)
    kill(keeper)
    os.kill(pid, signal.SIGKILL)
    assert ask(server.start(), "select said from fact") == "kept"


def test_a_first_start_that_was_cut_short_is_begun_again(fresh):
    half = fresh / "data.new-0123"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    (fresh / "password").write_text("")
    with running(fresh) as address:
        assert ask(address, "select 1") == 1
    assert not half.exists()


# Two at once


def test_two_first_starts_share_one_server(fresh):
    users = [
        subprocess.Popen(
            [sys.executable, "-c", USER, str(fresh)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    hosts = {user.stdout.readline() for user in users}
    assert len(hosts) == 1
    servers = [c for _, c in programs.processes(runs_as().uid) if f"-D {fresh}/" in c]
    assert len(servers) == 1
    for user in users:
        user.communicate()
        assert user.returncode == 0


def test_a_guest_leaves_the_server_running(server, home):
    address = server.start()
    with pytest.raises(AlreadyKept, match="another Apéro process"):
        EmbeddedPostgres(home).start()
    with running(home) as found:
        assert found == address
    assert server.watch() is None
    assert ask(address, "select 1") == 1


def test_a_fork_neither_keeps_the_folder_nor_stops_the_server(server):
    server.start()
    fork = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    stopper = multiprocessing.get_context("fork").Process(target=server.stop)
    fork.start()
    stopper.start()
    stopper.join()
    assert server.watch() is None
    server.stop()
    try:
        assert ask(server.start(), "select 1") == 1
    finally:
        fork.kill()
        fork.join()


# Refusals


def test_data_of_another_major_version_is_refused(server, home):
    server.start()
    server.stop()
    (home / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresWontStart, match=r"made by PostgreSQL 16.*pg_dumpall"):
        server.start()


def test_a_refusal_carries_the_end_of_the_log_and_a_remedy(server, home):
    server.start()
    server.stop()
    (home / "data" / "global" / "pg_control").write_bytes(b"\0" * 8192)
    with pytest.raises(PostgresWontStart) as caught:
        server.start()
    assert "restore the last backup" in caught.value.remedy
    assert any("PG_CONTROL_VERSION" in line for line in caught.value.log)
    assert caught.value.log[-1] in str(caught.value)


def test_programs_that_cannot_run_are_refused(server, monkeypatch):
    monkeypatch.setenv("APERO_PG_BIN_DIR", "/nowhere")
    with pytest.raises(PostgresWontStart, match="APERO_PG_BIN_DIR"):
        server.start()


def test_a_lost_password_is_refused(server, home):
    server.start()
    server.stop()
    (home / "password").unlink()
    with pytest.raises(PostgresWontStart, match="password is missing"):
        server.start()


def test_a_lost_shelter_is_refused_instead_of_starting_empty(fresh, place):
    fresh.mkdir()
    (fresh / "moved-to").write_text(f"{place / 'gone'}\n")
    with pytest.raises(PostgresWontStart, match="which is gone"):
        EmbeddedPostgres(fresh).start()


def test_a_repair_longer_than_we_wait_goes_on_and_is_found_again(server):
    server.start()
    server.stop()
    with pytest.raises(PostgresWontStart, match="still getting ready"):
        server.start(wait=0)
    assert ask(server.start(), "select 1") == 1


def test_a_disk_that_says_no_is_a_refusal(place):
    (place / "file").touch()
    with pytest.raises(PostgresWontStart, match="Not a directory"):
        EmbeddedPostgres(place / "file" / "home").start()
