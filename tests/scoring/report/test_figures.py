import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import pytest

from scoring.quality.evaluation import ReliabilityBin
from scoring.report.figures import Curve, Estimate, draw_curves, draw_estimates, draw_histogram, draw_reliability
from scoring.report.svg import draw_svg

pytestmark = pytest.mark.usefixtures("drawn")
_BINS = [ReliabilityBin(0.1, 0.2, 10), ReliabilityBin(0.9, 1.0, 100)]


def _drawings() -> list[str]:
    return [
        draw_histogram("histogram", {"is cat": [3, 200, 1], "is dog": [0, 3, 400]}, "probability of dog", "images"),
        draw_reliability("reliability", {"before": _BINS, "after": _BINS}, "said", intervals=True),
        draw_curves("curve", [[Curve("training", [1.0, 0.5], 2)], [Curve("validation", [1.0, 0.6], 2)]], "log loss"),
        draw_estimates(
            "estimates", [Estimate("ours", 0.89, 0.85, 0.93, 0.847), Estimate("1-nn", 0.86, 0.8, 0.9, None)]
        ),
    ]


def test_a_drawing_has_no_colour_or_font_of_its_own() -> None:
    for svg in _drawings():
        assert "var(--ink)" in svg or "var(--muted)" in svg
        assert not re.search(r"#01020\d", svg)
        assert set(re.findall(r"font-family: ([^;\"]+)", svg)) == {"inherit"}
        assert "<style" not in svg


def test_nothing_is_said_where_no_home_folder_can_be_written() -> None:
    """matplotlib makes a temporary one, and tells of it."""
    draw = "from scoring.report.figures import *; draw_curves('a', [[Curve('b', [1.0], None)]], 'c')"
    unset = ("MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | {"HOME": "/dev/null/none"}
    command = [sys.executable, "-c", draw]
    drawn = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert drawn.stderr == ""


def test_drawings_of_two_threads_leave_the_settings_of_matplotlib_as_they_were() -> None:
    before = dict(matplotlib.rcParams)
    first_draws, second_draws, first_is_drawn = threading.Event(), threading.Event(), threading.Event()

    def draw_first(axes: object) -> None:
        first_draws.set()
        second_draws.wait(0.3)

    def draw_second(axes: object) -> None:
        second_draws.set()
        first_is_drawn.wait(10)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(draw_svg, "first", draw_first)
        first_draws.wait(10)
        second = threads.submit(draw_svg, "second", draw_second)
        first.result()
        first_is_drawn.set()
        second.result()
    assert dict(matplotlib.rcParams) == before


def test_ids_of_all_drawings_in_a_page_differ_and_every_reference_has_its_target() -> None:
    page = "".join(_drawings())
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) | set(re.findall(r"url\(#([^)]+)\)", page)) <= set(ids)


def test_the_same_numbers_give_the_same_drawing_byte_for_byte() -> None:
    assert _drawings() == _drawings()


def test_a_hostile_label_is_text_in_a_drawing_and_nothing_else() -> None:
    label = "</text><script>$x$ \n\u202e_"
    svg = draw_histogram("histogram", {label: [1, 2], "_hidden": [1, 1]}, f"probability of {label}", "images")
    assert "<script" not in svg
    assert "&lt;script&gt;$x$ \\u000a\\u202e_" in svg
    assert "_hidden" in svg


def test_labels_in_letters_that_the_font_lacks_are_drawn_without_a_warning() -> None:
    assert "猫" in draw_histogram("histogram", {"猫": [1, 2], "狗": [2, 1]}, "probability of 狗", "images")
