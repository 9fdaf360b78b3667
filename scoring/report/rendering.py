"""Turn a report into a page: its template and its styles, with no text on it that hides something."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.report.parts import Report
from scoring.report.text import count, percent
from scoring.report.thumbnails import THUMBNAIL_SIZE
from scoring.storage.redaction import redact, visible

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = Path(__file__).parent


def render(report: Report) -> str:
    """Turn a report into a page."""
    from markupsafe import Markup

    css = Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8"))
    return _template().render(report=report, css=css, thumbnail_size=THUMBNAIL_SIZE).lstrip()


@cache
def _template() -> "Template":
    """Compiled once: that takes as long as half a drawing."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"grouped": count, "percent": percent}
    return environment.get_template("report.html.j2")


def _visible(value: object) -> object:
    """All text but markup shows what it hides, and no secret, before it is escaped."""
    return visible(redact(value)) if type(value) is str else value
