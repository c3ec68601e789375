"""`python -m benchmarks <name>`: measure one scenario, and end with one line of JSON."""

import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import door, engagement, every, figures, many, pages, registration

SCENARIOS: dict[str, Callable[[Sequence[str]], dict[str, Any]]] = {
    "registration": registration.measure,
    "door": door.measure,
    "engagement": engagement.measure,
    "pages": pages.measure,
    "many": many.measure,
    "every": every.measure,
}


def main(given: Sequence[str]) -> int:
    """Run the scenario that is named."""
    if not given or given[0] not in SCENARIOS:
        print(f"Say which one: {', '.join(SCENARIOS)}. See benchmarks/README.md.")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that houses are left tidy
    print(figures.line(SCENARIOS[given[0]](given[1:])), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
