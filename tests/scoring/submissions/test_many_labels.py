"""What a template asks for where there are many labels: each is looked at a few times, and not for every value."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from scoring.errors import RequestError
from scoring.sources.spelling import loose
from scoring.submissions import side_by_side
from scoring.submissions.choosing import choose_answers
from scoring.submissions.side_by_side import SideBySide
from scoring.submissions.template import Template
from scoring.submissions.template_values import kind_of_values
from scoring.submissions.wishes import Values, Wishes
from tests.counting import Compared

_NAMES = [f"leaf{number}" for number in range(200)]


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> list[Compared]:
    """As many as the names, with none compared as yet."""
    monkeypatch.setattr(Compared, "times", 0)
    return list(map(Compared, _NAMES))


def _template(*values: str) -> Template:
    ids = tuple(map(str, range(len(values))))
    return Template(Path("t.csv"), ("id", "label"), ids, tuple((one,) for one in values), ",")


def test_values_that_are_labels_are_found_without_a_look_at_all_others(labels: list[Compared]) -> None:
    assert kind_of_values(_NAMES, labels, None) is Values.LABEL
    assert Compared.times <= 4 * len(labels)


def test_a_value_that_is_none_is_found_without_a_look_at_all_labels_for_each_other(labels: list[Compared]) -> None:
    with pytest.raises(RequestError, match="'hamster' is none"):
        kind_of_values([*_NAMES, "hamster"], labels, None)
    assert Compared.times <= 10 * len(labels)


@pytest.mark.parametrize("rows", [_NAMES, [" ".join(_NAMES)], [" ".join(_NAMES[at : at + 2]) for at in range(198)]])
def test_rows_that_have_all_labels_ask_for_as_many_as_they_have(labels: list[Compared], rows: list[str]) -> None:
    answers = choose_answers(_template(*rows), labels, Wishes())
    assert answers.holds == ("the best label" if rows is _NAMES else f"the best {len(rows[0].split())} labels")
    assert Compared.times <= 20 * len(labels)


def test_a_label_of_many_words_costs_each_value_one_look_for_each_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """One label of 800 words, and a value of as many, took 15 s."""
    asked = Mock(side_effect=loose)
    monkeypatch.setattr(side_by_side, "loose", asked)
    found = SideBySide(["sea lion", " ".join("q" for _ in range(60)), "cat"], " ").read("sea lion cat " * 20)
    assert found is not None
    assert found[0] == ["sea lion", "cat"] * 20
    assert asked.call_count <= 3 + 3 * 60
