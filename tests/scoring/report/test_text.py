import math
from datetime import UTC, datetime

import pytest

from scoring.report import text as report_text
from scoring.report.text import confidence, moment, percent, seconds, short_digest, short_labels, shorten
from tests.counting import Compared


def test_a_long_name_keeps_its_ends_and_its_length() -> None:
    assert shorten("a" * 50 + "b" * 50, 11) == "aaaaa…bbbbb"
    assert shorten("short", 5) == "short"


def test_long_labels_are_told_apart_without_a_look_at_all_of_them_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_text, "shorten", lambda text, length: Compared(shorten(text, length)))
    monkeypatch.setattr(Compared, "times", 0)
    labels = [f"{number:03} {'a' * 40} {end}" for number in range(100) for end in ("x", "y")]
    labels += [f"{'a' * 20}{number:03}{'b' * 40}" for number in range(3)]
    short = short_labels(labels)
    assert short[-3:] == [f"{'a' * 19}…{'b' * 20}", *(f"{'a' * 19}…{'b' * 20} ({place})" for place in (201, 202))]
    assert len(set(short)) == len(labels)
    assert Compared.times <= 4 * len(labels)


def test_a_share_that_is_no_number_is_written_as_such() -> None:
    assert [percent(share) for share in (math.nan, math.inf)] == ["nan%", "inf%"]


def test_what_is_nearly_all_or_nearly_none_is_not_rounded_to_it() -> None:
    assert [percent(share) for share in (0.0, 0.97166, 1.0)] == ["0.0%", "97.2%", "100.0%"]
    assert (percent(0.9999), percent(0.00004)) == ("99.99%", "0.004%")
    assert [percent(share, 2) for share in (0.0, 0.97166, 24_999 / 25_000, 1.0)] == [
        "0.00%",
        "97.17%",
        "99.996%",
        "100.00%",
    ]
    assert [percent(share) for share in (-1e-17, 1e-9, 1 - 1e-9, 1 + 1e-16)] == ["0.0%", "0.0%", "100.0%", "100.0%"]


def test_no_network_is_shown_as_certain() -> None:
    assert [confidence(value) for value in (0.539, 0.9994, 0.9999, 1.0)] == ["53.9%", "99.9%", ">99.9%", ">99.9%"]


def test_numbers_have_their_units_and_thousands() -> None:
    assert [seconds(value) for value in (0.44, 200.4, 7500.0)] == ["0.4 s", "3 min 20 s", "2 h 5 min"]
    assert moment(datetime(2026, 11, 22, 15, 21, 34, tzinfo=UTC)) == "2026-11-22 15:21 UTC"


def test_a_signature_is_hidden_before_a_text_is_shortened() -> None:
    shown = shorten(f"https://host/{'x' * 60}.jpg?X-Amz-Date=1&X-Amz-Signature={'PASSWORD' * 8}", 60)
    assert "PASSWORD" not in shown
    assert shown.endswith("X-Amz-Signature=***")


def test_digests_are_cut_and_the_words_beside_them_are_not() -> None:
    digest = "0e5c9083ecd7aaff4839f8ff035b571da240cbfd"
    assert short_digest(digest) == "0e5c9083ecd7"
    assert short_digest(f"random-2017-convolutions:{digest}") == "random-2017-convolutions:0e5c9083ecd7"
    assert short_digest("resnet50-random-2017") == "resnet50-random-2017"
