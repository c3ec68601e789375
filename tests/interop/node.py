"""Node, and the calendar readers that run under it, at the versions of the lock file."""

import importlib.util
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "server/static/build.py"


@cache
def node() -> str:
    """Node and the packages of the lock file, fetched on the first call if need be."""
    spec = importlib.util.spec_from_file_location("build", BUILD)
    assert spec
    assert spec.loader
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    found, npm = build.find_node()
    lock = HERE / "package-lock.json"
    done = HERE / "node_modules" / "of-lock.json"
    if not done.exists() or done.read_bytes() != lock.read_bytes():
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        path = f"{Path(found).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        subprocess.run(command, cwd=HERE, env={**os.environ, "PATH": path}, check=True)
        shutil.copy(lock, done)
    return str(found)
