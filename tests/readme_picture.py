"""README's picture of the report: figures and photos of the demo's page, in headless Chromium.

    shardscore demo && python -m tests.readme_picture shardscore-demo    # with a network

Leaves scoring/report/report.png. The picture holds what it was made from, so that a test can tell when it is out of
date: a digest of the page's template and style, and the page's headings.
"""

import hashlib
import json
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.browser import browse
from tests.source_tree import ROOT

PICTURE = ROOT / "scoring" / "report" / "report.png"
MAX_BYTES = 300_000
_WIDTH, _HEIGHT = 1200, 1160
# A table of facts that names folders of the machine, and curves, which say little of 40 images.
_LEFT_OUT = "<style>nav, figure, section[aria-labelledby=run] { display: none !important }</style>"
_SOURCES = ("report.html.j2", "report.css")
_NUM_COLOURS = 128
_HEADING = re.compile(r"<(h2|h3|dt|caption|figcaption)\b[^>]*>(.*?)</\1>", re.DOTALL)


def design_digest() -> str:
    """What shapes the page beside its contents: the digest of template and style."""
    contents = b"".join((PICTURE.parent / name).read_bytes() for name in _SOURCES)
    return hashlib.sha256(contents).hexdigest()


def headings(page: Path) -> list[str]:
    """The headings, names of figures and captions of a report, in order."""
    return [text.strip() for _, text in _HEADING.findall(page.read_text(encoding="utf-8"))]


def draw(page: Path, picture: Path) -> None:
    """Draw the upper part of a report, without its section on the run, as a browser shows it."""
    with tempfile.TemporaryDirectory() as home:
        shot = Path(home) / "shot.png"
        shown = Path(home) / "report.html"
        shown.write_text(page.read_text(encoding="utf-8").replace("</head>", f"{_LEFT_OUT}</head>"), encoding="utf-8")
        browse(shown, Path(home), f"--screenshot={shot}", f"--window-size={_WIDTH},{_HEIGHT}", "--hide-scrollbars")
        facts = PngInfo()
        facts.add_text("design", design_digest())
        facts.add_text("headings", json.dumps(headings(page)))
        colours = Image.open(shot).convert("RGB").quantize(_NUM_COLOURS)
        colours.save(picture, optimize=True, pnginfo=facts)


if __name__ == "__main__":
    report = Path(sys.argv[1]) / "run" / "report.html"
    if "the article's: " not in report.read_text(encoding="utf-8"):
        sys.exit("Expected a demo that could download UCI's returns, as README says of the picture.")
    draw(report, PICTURE)
