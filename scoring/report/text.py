"""How a report writes numbers and long texts: one way for each, everywhere."""

import re
from collections.abc import Sequence
from datetime import datetime

from scoring.storage.locations import Location, own_name
from scoring.storage.redaction import redact

NONE = "\u2013"  # where a table has no number
NONE_OF_THEM = "none of them"  # what an image has of labels that stand by themselves, where it has no label
_COMPARED = 12  # characters of a digest
_LABEL_LENGTH = 40
_DIGEST = re.compile(rf"[0-9a-f]{{{_COMPARED + 1},}}")


def shorten(text: str, length: int) -> str:
    """Cut out the middle of a text of more than `length` characters: names differ at their ends."""
    text = redact(text)  # before half of a secret no longer looks like one
    if len(text) <= length:
        return text
    head = (length - 1) // 2
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"


def short_labels(labels: Sequence[str]) -> list[str]:
    """Labels as a page shows them; those that differ in the middle alone have their place beside them."""
    short: list[str] = []
    seen: set[str] = set()
    for place, label in enumerate(labels):
        name = shorten(label, _LABEL_LENGTH)
        short.append(f"{name} ({place})" if name != label and name in seen else name)
        seen.add(short[-1])
    return short


def folder_title(folder: Location) -> str:
    """A folder's own name; of a whole bucket its URL."""
    return own_name(folder)


def short_digest(digest: str) -> str:
    """As much of each digest in a text as the eye compares; words beside it stay: random-2017-convolutions."""
    return _DIGEST.sub(lambda found: found[0][:_COMPARED], digest)


def count(number: int) -> str:
    """A whole number with its thousands told apart: 12,500."""
    return f"{number:,}"


def percent(share: float, least: int = 1) -> str:
    """A share with one decimal, or up to five where these tell it from none and from all: 97.2%, 99.98%, 100.0%.

    Args:
        share: 0 to 1.
        least: Decimals that it has at any rate.
    """
    told = (f"{100 * share:.{decimals}f}" for decimals in range(least, 6))
    end = f"{100 * (abs(share) > 0.5):.{least}f}"
    return next((text for text in told if float(text) not in (0.0, 100.0)), end) + "%"


def confidence(probability: float) -> str:
    """A probability with one decimal; one that would round to 100.0% is told as over 99.9%."""
    return ">99.9%" if probability >= 0.9995 else f"{100 * probability:.1f}%"


def percent_range(low: float, high: float) -> str:
    """Both ends of an interval: 95.5% to 98.2%."""
    return f"{percent(low)} to {percent(high)}"


def measure(value: float | None) -> str:
    """A log loss, an area or a temperature, with four decimals; a dash where there is none."""
    return NONE if value is None else f"{value:.4f}"


def moment(when: datetime) -> str:
    """A point in time, to the minute."""
    return when.strftime("%Y-%m-%d %H:%M %Z").rstrip()


def of_model(created_at: str) -> str:
    """Which model a page tells of, by the second in which it was put together."""
    return f"Model of {datetime.fromisoformat(created_at):%Y-%m-%d %H:%M:%S %Z}".rstrip()


def seconds(duration_s: float) -> str:
    """A duration: 0.4 s, 12.0 s, 3 min 20 s, 2 h 5 min."""
    if duration_s < 60:
        return f"{duration_s:.1f} s"
    minutes, rest = divmod(round(duration_s), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"
