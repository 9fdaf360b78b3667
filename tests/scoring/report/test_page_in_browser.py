"""The report in a real browser: it asks for nothing, and nothing goes wrong."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from scoring.report.page import write_report
from tests.browser import CHROMIUM, browse
from tests.places import on_disk
from tests.runs import Scored, cats_and_dogs, draw_images, write_run

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install it as `chromium`"),
    pytest.mark.usefixtures("drawn"),
]
_NO_PAGE = "not an origin"  # as the browser's log names the initiator of its own requests


@dataclass(frozen=True)
class Visit:
    """What a browser made of a page.

    Attributes:
        document: The page after it was loaded.
        console: What it wrote to the console.
        requests: Addresses it asked for, but for data in it.
    """

    document: str
    console: list[str]
    requests: list[str]


@pytest.fixture
def visit(tmp_path: Path) -> Callable[[Path], Visit]:
    """Opens a page from disk in headless Chromium, which can reach nobody."""

    def open_page(page: Path) -> Visit:
        log = tmp_path / "net.json"
        done = browse(page, tmp_path, f"--log-net-log={log}", "--virtual-time-budget=2000", "--dump-dom")
        console = re.findall(r":CONSOLE[:(].*", done.stderr)
        return Visit(done.stdout, console, _requests(json.loads(log.read_text())))

    return open_page


def _requests(log: dict[str, list[dict[str, dict[str, object]]]]) -> list[str]:
    """Every address in the browser's log of its network that a page asked for; the browser asks for its own as well."""
    asked = [event.get("params", {}) for event in log["events"]]
    from_page = {str(request["url"]) for request in asked if request.get("initiator", _NO_PAGE) != _NO_PAGE}
    return sorted(url for url in from_page if not url.startswith(("data:", "chrome:")))


def test_a_page_that_asks_for_something_or_fails_is_caught(visit: Callable[[Path], Visit], tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<img src='http://example.com/cat.jpg'><script>nothing()</script>")
    found = visit(page)
    assert found.requests == ["http://example.com/cat.jpg"]
    assert any("nothing is not defined" in line for line in found.console)


def test_the_report_asks_for_nothing_and_nothing_goes_wrong(visit: Callable[[Path], Visit], tmp_path: Path) -> None:
    hostile = "<script>console.error(1)<|script><img src=http:||example.com|x onerror=console.error(2)>\u202e\n.png"
    images = [*cats_and_dogs(24), Scored(hostile, (0.02, 0.98), "cat"), Scored("broken.png", None, "cat", hostile)]
    run = write_run(tmp_path / "run", images, location=draw_images(tmp_path / "photos", images))
    found = visit(on_disk(write_report(run.path, None, None).path))
    assert "Most confident dog, wrong" in found.document
    assert "&lt;script&gt;console.error(1)" in found.document
    assert found.document.count("<img ") > 40
    assert "<script" not in found.document
    assert found.console == []
    assert found.requests == []


def test_markup_that_slipped_in_would_be_stopped_by_the_page(visit: Callable[[Path], Visit], tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cats_and_dogs(8))
    page = on_disk(write_report(run.path, None, None).path)
    slipped = "<img src='http://example.com/x'><script>document.title = 'taken over'</script></main>"
    page.write_text(page.read_text().replace("</main>", slipped))
    found = visit(page)
    assert found.requests == []
    assert "<title>taken over" not in found.document
    assert sum("Content Security Policy" in line for line in found.console) == 2
