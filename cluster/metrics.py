"""Figures of one job for Prometheus: Ray exports them on the metrics port of the node that the driver runs on."""

from collections.abc import Mapping
from urllib.parse import quote

from ray.util.metrics import Counter, Gauge

_PRINTABLE = "".join(map(chr, range(32, 127)))


def label(text: str) -> str:
    """A label's value in ASCII, which is all that Ray takes: other characters as in a URL, `h%C3%B6he`."""
    return quote(text, safe=_PRINTABLE, errors="backslashreplace")


class Metrics:
    """Counters and gauges under one set of labels.

    Args:
        counters: What each is, by its name; names end in `_total`.
        gauges: The same for what goes up and down.
        labels: Stand on every figure.
    """

    def __init__(self, counters: Mapping[str, str], gauges: Mapping[str, str], labels: Mapping[str, str]) -> None:
        keys = tuple(labels)
        self._counters = {name: Counter(name, text, keys) for name, text in counters.items()}
        self._gauges = {name: Gauge(name, text, keys) for name, text in gauges.items()}
        for metric in (*self._counters.values(), *self._gauges.values()):
            metric.set_default_tags({key: label(value) for key, value in labels.items()})

    def count(self, name: str, amount: float) -> None:
        """Add to a counter; Ray takes no zeros, and shows a counter from its first one on."""
        if amount > 0:
            self._counters[name].inc(amount)

    def show(self, name: str, value: float) -> None:
        """Set a gauge."""
        self._gauges[name].set(value)
