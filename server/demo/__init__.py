"""The demo and the seeds: invented people, brought in by the ordinary commands.

Also what the command line does with real files. Nothing here writes in a way of its own:
members, activity and past evenings are imported, places are registered, people are let in
by facts of the door.
"""

from server.demo.errands import import_file, note_bounce, report
from server.demo.seeding import PROFILES, seed
from server.demo.showing import NotHere, fill, welcome

__all__ = [
    "PROFILES",
    "NotHere",
    "fill",
    "import_file",
    "note_bounce",
    "report",
    "seed",
    "welcome",
]
