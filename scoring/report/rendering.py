"""Turn a report into a page: its template and its styles, with no text on it that hides something."""

from pathlib import Path

from scoring.report.parts import Report
from scoring.report.text import count, percent
from scoring.report.thumbnails import THUMBNAIL_SIZE
from scoring.storage.redaction import redact, visible

_TEMPLATES = Path(__file__).parent


def render(report: Report) -> str:
    """Turn a report into a page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"grouped": count, "percent": percent}
    css = Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8"))
    template = environment.get_template("report.html.j2")
    return template.render(report=report, css=css, thumbnail_size=THUMBNAIL_SIZE).lstrip()


def _visible(value: object) -> object:
    """All text but markup shows what it hides, and no secret, before it is escaped."""
    return visible(redact(value)) if type(value) is str else value
