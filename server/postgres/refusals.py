"""Why PostgreSQL does not start, in words that say what to do."""

from collections.abc import Iterable

REMEDIES = (
    ("No space left on device", "The disk is full: free some space, then start again."),
    (
        "could not look up effective user ID",
        "Give the user that runs Apéro a line in /etc/passwd, then start again.",
    ),
    (
        "has wrong ownership",
        "The data folder was made by another user: start Apéro as that user.",
    ),
    (
        "still in use",
        "Another PostgreSQL still works on this data: stop it, then start again.",
    ),
    (
        "shared memory",
        "The machine is short of memory: free some, or give the container more.",
    ),
    (
        "checkpoint record",
        "The data is damaged: keep a copy of the folder, then restore the last backup.",
    ),
    (
        "database files are incompatible",
        "The data is damaged: keep a copy of the folder, then restore the last backup.",
    ),
    (
        "control file",
        "The data is damaged: keep a copy of the folder, then restore the last backup.",
    ),
    (
        "Permission denied",
        "Check who owns the data folder and the disk it is on, then start again.",
    ),
)


def remedy(lines: Iterable[str], otherwise: str) -> str:
    """What to do about the first known cause in these lines of a log."""
    said = "\n".join(lines)
    return next((advice for mark, advice in REMEDIES if mark in said), otherwise)


class PostgresWontStart(RuntimeError):
    """Why the embedded PostgreSQL is not running, what to do, and the end of its log."""

    def __init__(self, reason: str, remedy: str, log: tuple[str, ...] = ()) -> None:
        self.reason = reason
        self.remedy = remedy
        self.log = log
        ending = "\nThe last lines of the log:\n  " + "\n  ".join(log) if log else ""
        super().__init__(f"PostgreSQL does not start: {reason} {remedy}{ending}")


class AlreadyKept(PostgresWontStart):
    """Another process of ours looks after this folder."""
