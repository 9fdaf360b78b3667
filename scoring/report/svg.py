"""Drawings as SVG that take their colours and letters from the page, so that they darken and print with it."""

import io
import re
import threading
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from scoring.process.quiet_matplotlib import quiet_matplotlib
from scoring.report.text import shorten
from scoring.storage.redaction import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Drawn in these, then replaced by the page's custom properties of the same names.
COLOURS = {"ink": "#010203", "muted": "#010204", "line": "#010205"}
_SERIES = {f"series-{number}": f"#01020{5 + number}" for number in range(1, 4)}
_SIZE = (7.0, 4.4)  # inches of 72 units: fits a phone without shrinking the letters too much
_FONT_SIZE = 14
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": COLOURS["line"],
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": COLOURS["muted"],
    "axes.labelsize": _FONT_SIZE,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": ["sans-serif"],
    "font.size": _FONT_SIZE,
    "grid.color": COLOURS["line"],
    "legend.frameon": False,
    "svg.fonttype": "none",  # letters stay letters: read aloud, searched, in the page's font
    "text.color": COLOURS["ink"],
    "text.parse_math": False,  # a label may hold dollar signs
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
}
_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_SHOWN_LENGTH = 48  # characters of a text in a drawing
_LINE_LENGTH = 40  # characters of all series' names that stand beside one another
_lock = threading.Lock()  # matplotlib's settings are the process's, and two threads would put back each other's


def draw_svg(name: str, draw: Callable[["Axes"], None], height: float = _SIZE[1]) -> str:
    """Draw, and make the drawing part of a page: its colours, its font, and ids of its own.

    Args:
        name: Unique in the page.
        draw: Draws on the axes that it is given.
        height: Inches.
    """
    with _lock, quiet_matplotlib():
        import matplotlib
        from matplotlib.figure import Figure

    written = io.StringIO()
    with _lock, matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # the page's font may well have it
        figure = Figure(figsize=(_SIZE[0], height), dpi=72, layout="constrained")
        draw(figure.subplots())
        metadata = {"Creator": None, "Date": None, "Format": None, "Type": None}
        figure.savefig(written, format="svg", transparent=True, metadata=metadata)
    return _fit_page(name, written.getvalue())


def series_colour(number: int) -> str:
    """The colour of one of three series, from 0."""
    return list(_SERIES.values())[number]


def shown(text: str) -> str:
    """A hostile text as a drawing shows it; matplotlib would hide one that begins with `_`."""
    text = visible(shorten(text, _SHOWN_LENGTH))
    return f"\u200c{text}" if text.startswith("_") else text


def legend_above(axes: "Axes") -> None:
    """Name the series where they hide nothing."""
    fits_line = sum(map(len, axes.get_legend_handles_labels()[1])) <= _LINE_LENGTH
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3 if fits_line else 1)


def percent_axis(axes: "Axes", which: str) -> None:
    """Let the `x` or `y` axis go from 0% to 100%."""
    axis = getattr(axes, f"{which}axis")
    axis.set_ticks(range(0, 101, 20))
    axis.set_major_formatter(lambda value, _: f"{value:.0f}%")
    getattr(axes, f"set_{which}lim")(-2, 102)


def _fit_page(name: str, svg: str) -> str:
    """Take the drawing's colours and font from the page, and make its ids its own."""
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(svg)
    definitions = root.find(f"{{{_SVG}}}defs")
    assert definitions is not None
    definitions.clear()  # one style, which would hold for the whole page
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, _fit_value(name, key, value))
    for key in ("width", "height"):
        del root.attrib[key]
    root.attrib |= {"aria-hidden": "true", "focusable": "false"}
    return ElementTree.tostring(root, encoding="unicode")


def _fit_value(name: str, key: str, value: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == "style":
        value = re.sub(r"font-family: [^;]*", "font-family: inherit", value)
        for colour, code in (COLOURS | _SERIES).items():
            value = value.replace(code, f"var(--{colour})")
        return value
    return value.replace("#", f"#{name}-") if key in ("clip-path", f"{{{_XLINK}}}href") else value
