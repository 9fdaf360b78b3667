import unicodedata
from collections.abc import Sequence

import pytest

from scoring.quality.label_matching import label_matcher

_COMPOSED, _PARTED = (unicodedata.normalize(form, "Kätzchen") for form in ("NFC", "NFD"))


def test_targets_match_labels_in_another_spelling() -> None:
    assert label_matcher(["Hund", _COMPOSED])(_PARTED) == label_matcher(["Hund", _PARTED])(_COMPOSED) == 1
    assert label_matcher([_COMPOSED, _PARTED])(_PARTED) == 1
    assert label_matcher([_COMPOSED.upper(), _COMPOSED])(_PARTED) == 1
    assert label_matcher(["Hund", f"{_COMPOSED}s"])(_PARTED.upper()) == 1


def test_targets_match_labels_in_other_case_or_number() -> None:
    assert label_matcher(["dog", "cat"])("Cats") == 1
    assert label_matcher(["cat", "cats"])("cats") == 1
    assert label_matcher(["dog", "cat"])("hamster") is None
    assert label_matcher(["cat", "cats"])("CAT") is None
    assert (label_matcher(["T", "S"])("s"), label_matcher(["T", "S"])("")) == (1, None)


@pytest.mark.parametrize(
    ("labels", "target", "index"),
    [
        (["1.5", "2.0", "3.0"], "2", 1),
        (["1.5", "2"], "2.0", 1),
        (["1.5", "2"], "1.50", 0),
        (["0.0", "-1.0"], "-1", 1),
        (["2", "2.0"], "2.0", 1),
        (["2.0", "2.00"], "2", None),
        (["1", "2"], "01", None),
        (["01", "2"], "1.0", None),
        (["1.5", "none"], "unknown", None),
        (["00000", "00001", "00042"], "42", 2),
        (["00000", "00001", "00042"], "0", 0),
        (["00000", "00001", "00042"], "1.0", 1),
        (["01", "10", "none"], "1", 0),
        (["01", "10", "none"], "001", None),
        (["01", "10", "none"], "1.5", None),
        (["01", "010"], "1", None),
        (["01", "01"], "1", None),
        (["01", "1"], "1", 1),
    ],
)
def test_a_target_that_is_the_same_number_means_the_class(
    labels: Sequence[str], target: str, index: int | None
) -> None:
    assert label_matcher(labels)(target) == index


def test_a_target_that_is_the_name_of_two_classes_tells_neither() -> None:
    """ImageNet's bird and its machine."""
    assert label_matcher(["crane", "oak", "crane"])("crane") is None
    assert label_matcher(["crane", "oak", "crane"])("cranes") is None
