"""Holds coverage to the policy in pyproject.toml.

All the code together meets `fail_under`; each module or folder that `tool.apero.coverage`
calls complete has every line and branch covered. A complete module that no longer
exists fails too, so that a renamed file cannot slip off the list.
"""

import subprocess
import sys
import tomllib
from pathlib import Path


def report(*options: str) -> bool:
    """Print a coverage report and say whether its threshold was met."""
    command = [sys.executable, "-m", "coverage", "report", *options]
    return subprocess.run(command, check=False).returncode == 0


def main() -> int:
    """Check the whole, then the complete modules."""
    policy = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["apero"]["coverage"]
    complete: list[str] = policy["complete"]
    gone = [module for module in complete if not Path(module).exists()]
    for module in gone:
        print(f"{module} is on the list of complete modules but does not exist.")
    kept = report()
    present = [
        f"{module}/*" if Path(module).is_dir() else module
        for module in complete
        if module not in gone
    ]
    if present:
        print("\nModules that must be complete:")
        kept &= report(f"--include={','.join(present)}", "--fail-under=100")
    return 0 if kept and not gone else 1


sys.exit(main())
