"""The built files: what pages ask for exists, is named after its content, and is ours."""

import hashlib
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from jinja2 import Environment, FileSystemLoader

from server import assets

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "server/static"
TEMPLATES = ROOT / "templates"
PAGE_FRAMES = ("public", "account", "organize", "portal", "door", "bare")


@pytest.fixture
def pages() -> Environment:
    """The frames and macros, with nothing translated."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    env.globals["asset"] = assets.asset
    return env


@pytest.fixture
def build() -> ModuleType:
    """The build hook, loaded from its file as hatchling does."""
    spec = importlib.util.spec_from_file_location("build", STATIC / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def empty_shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place where nothing has been built yet."""
    monkeypatch.setattr(assets, "BUILT", tmp_path)
    assets.manifest.cache_clear()
    assets.third_party.cache_clear()
    yield tmp_path
    assets.manifest.cache_clear()
    assets.third_party.cache_clear()


def test_an_address_changes_with_the_content() -> None:
    content = (assets.BUILT / "site.css").read_bytes()
    version = hashlib.sha256(content).hexdigest()[:12]
    assert assets.asset("site.css") == f"/static/site.css?v={version}"
    assert assets.is_current("site.css", version)
    assert not assets.is_current("site.css", "0" * 12)
    assert assets.asset_bytes("site.css") == content


def test_a_file_that_is_not_built_has_no_address() -> None:
    for ask in (assets.asset, assets.asset_bytes):
        with pytest.raises(assets.UnknownAsset):
            ask("../assets.py")


def test_fonts_for_documents_are_woff2() -> None:
    for weight in (300, 400, 600):
        for extended in (False, True):
            assert assets.font_bytes(weight, extended=extended)[:4] == b"wOF2"


def test_stylesheets_ask_only_for_what_is_built() -> None:
    site = assets.asset_bytes("site.css").decode()
    fonts = re.findall(r"url\(([^)?]+)\?v=(\w+)\)", site)
    assert len(fonts) == site.count("url(") == 4
    assert all(assets.is_current(name, version) for name, version in fonts)
    printed = assets.asset_bytes("print.css").decode()
    names = re.findall(r'url\("asset:([^"]+)"\)', printed)
    assert len(names) == printed.count("url(") == 8
    assert all(assets.asset_bytes(name) for name in names)


def test_starting_without_assets_says_what_to_do(empty_shelf: Path) -> None:
    with pytest.raises(assets.AssetsMissing, match="make install"):
        assets.check()
    with pytest.raises(assets.AssetsMissing, match="make install"):
        assets.third_party()
    files = dict.fromkeys(assets.NEEDED, "0" * 12)
    (empty_shelf / "manifest.json").write_text(json.dumps({"files": files}))
    for name in assets.NEEDED:
        (empty_shelf / name).touch()
    assets.check()
    (empty_shelf / "site.js").unlink()
    with pytest.raises(assets.AssetsMissing, match=r"site\.js"):
        assets.check()


def test_everything_that_ships_has_its_licence() -> None:
    shipped = assets.third_party()
    assert {"htmx.org", "zxing-wasm", "zxing-cpp", "@fontsource/inter"} <= set(shipped)
    assert not {"axe-core", "esbuild"} & set(shipped)
    for entry in shipped.values():
        assert entry["version"]
        assert entry["license"]
        assert entry["text"]


def test_the_lock_file_is_exact_and_names_no_host() -> None:
    lock = json.loads((STATIC / "package-lock.json").read_text())["packages"]
    wanted = json.loads((STATIC / "package.json").read_text())
    for name, version in (wanted["dependencies"] | wanted["devDependencies"]).items():
        assert lock[f"node_modules/{name}"]["version"] == version
    assert all("resolved" not in entry for entry in lock.values())
    assert all(entry["integrity"] for name, entry in lock.items() if name)


def test_the_build_notices_a_changed_source(build: ModuleType, tmp_path: Path) -> None:
    source = tmp_path / "site.js"
    source.write_text("1")
    before = build.digest_of([source])
    assert build.digest_of([source]) == before
    source.write_text("2")
    assert build.digest_of([source]) != before
    assert {STATIC / "package-lock.json", STATIC / "js/site.js"} <= set(build.sources())


@pytest.mark.parametrize("frame", PAGE_FRAMES)
def test_a_page_frame_keeps_the_content_policy(pages: Environment, frame: str) -> None:
    html = pages.get_template(f"frames/{frame}.html").render(
        lang="fr",
        csrf_token="proof",
        workspace={"slug": "orbelune", "name": "<Orbelune>"},
        nav=[{"href": "/a", "label": "Accueil", "icon": "home", "current": True}],
        lang_links=[("en", "English", "?lang=en")],
        account={"name": "Camille", "role": "responsable"},
        said={"text": "Fait.", "undo_href": "/undo"},
    )
    assert html.lstrip().startswith("<!doctype html>")
    assert '<html lang="fr"' in html
    assert '<a class="skip" href="#content">' in html
    assert html.count('id="content"') == 1
    assert '<link rel="stylesheet" href="/w/orbelune/brand.css">' in html
    assert '<meta name="csrf" content="proof"' in html
    assert "<Orbelune>" not in html
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)


def test_templates_name_only_icons_that_are_drawn(pages: Environment) -> None:
    drawn = pages.get_template("macros/icons.html").module.paths  # type: ignore[attr-defined]
    asked = set()
    for template in TEMPLATES.rglob("*.html"):
        text = template.read_text()
        asked |= set(re.findall(r'\bicon\("([\w-]+)"', text))
        asked |= set(re.findall(r'\bicon(?:_name)?="([\w-]+)"', text))
    assert "check" in asked
    assert asked <= set(drawn)


def test_a_refused_answer_keeps_what_was_typed(pages: Environment) -> None:
    forms = pages.get_template("macros/forms.html").module
    html = forms.field(  # type: ignore[attr-defined]
        "email", "E-mail", 'ines"@', {"email": "The address stops."}, hint="Your ticket."
    )
    assert 'value="ines&#34;@"' in html
    assert 'aria-describedby="f-email-hint f-email-wrong" aria-invalid="true"' in html
    assert '<span class="wrong" id="f-email-wrong">The address stops.</span>' in html


def test_a_missing_figure_is_never_a_number(pages: Environment) -> None:
    figures = pages.get_template("macros/figures.html").module
    html = figures.figure("Cost", 0, "missing", "no invoice")  # type: ignore[attr-defined]
    assert 'data-is="missing"' in html
    assert ">0<" not in html
    assert "no invoice" in html


def test_posters_differ_and_carry_no_colour(pages: Environment) -> None:
    poster = pages.get_template("macros/poster.html").module.poster  # type: ignore[attr-defined]
    drawn = {str(poster(seed)) for seed in range(24)}
    assert len(drawn) == 24
    assert not any(re.search(r"(fill|stroke|style)=", picture) for picture in drawn)
