"""The drawings of a report: histogram, reliability, learning curves, accuracies with their intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.quality.evaluation import ReliabilityBin
from scoring.quality.intervals import single_test_interval
from scoring.report.svg import COLOURS, draw_svg, legend_above, percent_axis, series_colour, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = ("o", "s", "^")


@dataclass(frozen=True)
class Estimate:
    """One accuracy with its interval, and the figure that others published; shares from 0 to 1."""

    name: str
    accuracy: float
    low: float
    high: float
    published: float | None


@dataclass(frozen=True)
class Curve:
    """One quantity epoch by epoch; `best` is the epoch that was kept."""

    name: str
    values: Sequence[float]
    best: int | None = None


def draw_histogram(name: str, counts: Mapping[str, Sequence[int]], x_label: str, y_label: str) -> str:
    """Draw how many fall into each of equal bins from 0 to 1, side by side for each of at most three series.

    Args:
        name: Unique in the page.
        counts: For each series, how many are in each bin.
        x_label: The probability of what.
        y_label: What is counted, on a logarithmic scale.
    """

    def draw(axes: "Axes") -> None:
        for number, (series, heights) in enumerate(counts.items()):
            width = 100 / len(heights) / len(counts)
            left = np.arange(len(heights)) * 100 / len(heights) + number * width
            axes.bar(left, heights, width * 0.9, align="edge", color=series_colour(number), label=shown(series))
        axes.set_yscale("log", nonpositive="clip")
        top = max((max(heights) for heights in counts.values()), default=1)
        axes.set_ylim(0.7, max(top, 1) * 1.5)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "")
        axes.minorticks_off()
        axes.grid(visible=False, axis="x")
        percent_axis(axes, "x")
        axes.set(xlabel=shown(x_label), ylabel=y_label)
        if len(counts) > 1:
            legend_above(axes)

    return draw_svg(name, draw)


def draw_reliability(name: str, series: Mapping[str, Sequence[ReliabilityBin]], x_label: str, intervals: bool) -> str:
    """Draw predicted probabilities against observed shares, with the line on which both are equal.

    Args:
        name: Unique in the page.
        series: Bins of at most three models.
        x_label: Which label's probabilities they are.
        intervals: Whether to draw each bin's 95% interval; only for rows that are independent.
    """

    def draw(axes: "Axes") -> None:
        axes.plot([0, 100], [0, 100], color=COLOURS["muted"], linestyle=(0, (4, 4)), linewidth=1)
        for number, (model, bins) in enumerate(series.items()):
            said = [100 * one.mean_probability for one in bins]
            true = np.array([100 * one.share_right for one in bins])
            line = "" if intervals else "-"  # a line between uncertain bins would show what is not there
            style: dict[str, Any] = {"color": series_colour(number), "marker": _MARKERS[number], "linestyle": line}
            axes.plot(said, true, label=shown(model), markersize=7, **style)
            if intervals:
                ends = np.array([_ends(one) for one in bins]).T
                axes.vlines(said, 100 * ends[0], 100 * ends[1], color=series_colour(number), linewidth=1.2)
        percent_axis(axes, "x")
        percent_axis(axes, "y")
        axes.set(xlabel=shown(x_label), ylabel="observed share")
        if len(series) > 1:
            legend_above(axes)

    return draw_svg(name, draw)


def draw_curves(name: str, curves: Sequence[Sequence[Curve]], y_label: str) -> str:
    """Draw a quantity over epochs.

    Args:
        name: Unique in the page.
        curves: Groups of curves; a group has one colour and one name, that of its first curve.
        y_label: What is drawn.
    """

    def draw(axes: "Axes") -> None:
        from matplotlib.ticker import MaxNLocator

        for number, group in enumerate(curves):
            for place, curve in enumerate(group):
                epochs = np.arange(1, len(curve.values) + 1)
                label = shown(curve.name) if place == 0 else None
                style: dict[str, Any] = {"color": series_colour(number), "linewidth": 1.6 if len(group) == 1 else 1.0}
                axes.plot(epochs, curve.values, label=label, linestyle="-" if number else (0, (5, 2)), **style)
                if curve.best is not None and 1 <= curve.best <= len(curve.values):
                    axes.plot([curve.best], [curve.values[curve.best - 1]], marker="o", **style)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="epoch", ylabel=y_label)
        legend_above(axes)

    return draw_svg(name, draw)


def draw_estimates(name: str, estimates: Sequence[Estimate]) -> str:
    """Draw accuracies with their intervals below one another, and published figures beside them."""

    def draw(axes: "Axes") -> None:
        from matplotlib.ticker import MaxNLocator

        places = np.arange(len(estimates))
        low, high = ([100 * getattr(one, end) for one in estimates] for end in ("low", "high"))
        axes.hlines(places, low, high, color=series_colour(0), linewidth=2)
        ours = [100 * one.accuracy for one in estimates]
        axes.plot(ours, places, "o", color=series_colour(0), markersize=7, label="here")
        theirs = [(100 * one.published, place) for one, place in zip(estimates, places, strict=True) if one.published]
        if theirs:
            axes.plot(*zip(*theirs, strict=True), "D", color=series_colour(1), markersize=6, label="published")
            legend_above(axes)
        axes.set_yticks(places, [shown(one.name) for one in estimates])
        axes.set_ylim(len(estimates) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}%")
        axes.set(xlabel="accuracy")

    return draw_svg(name, draw, height=1.3 + 0.32 * len(estimates))


def _ends(one: ReliabilityBin) -> tuple[float, float]:
    interval = single_test_interval([one.share_right], one.num_images)
    return interval.low, interval.high
