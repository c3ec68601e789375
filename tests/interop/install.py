"""Fetch the calendar readers of the lock file, so that the tests need no network later."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.interop.node import node

node()
