"""Imports: members, activity and attendance from delimited files.

A file is read (`sheets`), its columns are matched (`headings`) and its dates understood
(`dates`); `looking` says what it would do and `writing` does it by the ordinary commands;
`runs` keeps each file until it is committed.
"""

from events.engagement.imports.headings import Kind
from events.engagement.imports.looking import Choices, Given
from events.engagement.imports.runs import (
    AlreadyCommitted,
    ImportRun,
    NotReady,
    RunLine,
    choose,
    commit,
    drop,
    outcome_of,
    preview,
    preview_of,
    receive,
    run,
    run_by_id,
    runs,
)
from events.engagement.imports.sheets import UnreadableFile
from events.engagement.imports.tallies import Fate, Outcome, Preview

__all__ = [
    "AlreadyCommitted",
    "Choices",
    "Fate",
    "Given",
    "ImportRun",
    "Kind",
    "NotReady",
    "Outcome",
    "Preview",
    "RunLine",
    "UnreadableFile",
    "choose",
    "commit",
    "drop",
    "outcome_of",
    "preview",
    "preview_of",
    "receive",
    "run",
    "run_by_id",
    "runs",
]
