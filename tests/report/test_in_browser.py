"""The page in a real browser, on a desk, on a phone and on paper."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import xarray as xr

from nowcast.report.known import Known, Part
from nowcast.report.pages.page import page

Maker = Callable[..., xr.Dataset]
HOSTILE = "<script>document.title='taken'</script><img src='http://192.0.2.1/x' onerror=\"document.title='taken'\">"


def _browser() -> ModuleType:
    """The module beside this one: tests are not a package."""
    spec = importlib.util.spec_from_file_location("browser", Path(__file__).with_name("browser.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    module = _browser()
    program = module.found()
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    shown = module.Browser(program, tmp_path_factory.mktemp("profile"))
    yield shown
    shown.close()


@pytest.fixture
def written(made_scores: Maker, made_cases: Maker, tmp_path: Path) -> Path:
    """A page with everything on it, of a variable that would do harm."""
    scores = made_scores(forecasters=("convlstm", "persistence", "advection", HOSTILE))
    scores.attrs.update(variable=HOSTILE)
    audit = {
        "parts": {
            name: {"first": "2026-05-01T00:00:00", "last": "2026-05-01T02:00:00", "frames": 10, "runs": [[i, i + 9]]}
            for name, i in (("training", 0), ("validation", 15), ("test", 30))
        }
    }
    history = [{"epoch": epoch, "validation": 1 / epoch, "persistence": 0.5} for epoch in (1, 2, 3)]
    known = Known(
        {"source": "a/very/long/path/" * 20, HOSTILE: HOSTILE}, history, ["nowcast fit " + "x" * 300], HOSTILE
    )
    path = tmp_path / "report.html"
    path.write_text(page(HOSTILE, [Part(scores, audit, made_cases())], known), "utf-8")
    return path


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_nothing_fails_nothing_is_fetched_and_nothing_is_wider_than_the_window(
    browser: Any, written: Path, width: int, scheme: str
) -> None:
    browser.events.clear()
    browser.open(written, width=width, scheme=scheme)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("document.title") == HOSTILE
    sizes = browser.run(
        "[...document.querySelectorAll('figure svg, figure img.moving')].map(e => [e.clientWidth, e.clientHeight])"
    )
    assert len(sizes) > 25
    assert all(100 < wide <= width and tall > 30 for wide, tall in sizes)
    assert browser.run("[...document.images].every(e => e.complete && e.naturalWidth > 100)")
    asked = {
        told["params"]["request"]["url"] for told in browser.events if told["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith("data:")} == {written.resolve().as_uri()}
    bad = {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}
    assert not [told for told in browser.events if told["method"] in bad]


def test_the_button_shows_stills_and_ids_are_unique(browser: Any, written: Path) -> None:
    browser.open(written, width=1280)
    seen = "[...document.querySelectorAll('.cases .{}')].every(e => e.clientWidth > 0)"
    assert (browser.run(seen.format("moving")), browser.run(seen.format("still"))) == (True, False)
    browser.run("document.querySelector('button').click()")
    assert (browser.run(seen.format("moving")), browser.run(seen.format("still"))) == (False, True)
    ids = browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_on_paper_there_are_stills_and_no_figure_is_cut(browser: Any, written: Path) -> None:
    browser.open(written, width=720, media="print")
    shown = "getComputedStyle(document.querySelector('{}')).display"
    assert browser.run(shown.format(".cases .moving")) == "none"
    assert browser.run(shown.format(".cases .still")) == "block"
    assert browser.run(shown.format("button")) == "none"
    broken = "[...document.querySelectorAll('figure')].map(e => getComputedStyle(e).breakInside)"
    assert set(browser.run(broken)) == {"avoid"}
    assert browser.pdf().startswith(b"%PDF")


def test_without_javascript_all_is_there(browser: Any, written: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.call("Page.navigate", url=written.resolve().as_uri())
        browser.open(written, width=1280)
        assert browser.run("document.querySelectorAll('figure svg').length") > 20
        assert browser.run("document.querySelectorAll('button').length") == 0
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
