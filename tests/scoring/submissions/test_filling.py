"""Templates of the shapes that competitions have, filled from runs and checked; and what is refused."""

import csv
import re
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from scoring.errors import IncompleteError, RequestError
from scoring.run.folder import RunFolder
from scoring.sources.spelling import composed, singular
from scoring.sources.table_columns import TableColumns
from scoring.submissions import answers, choosing
from scoring.submissions.filling import TemplateRequest, fill_template
from scoring.submissions.submission import Submission
from scoring.submissions.wishes import Values, Wishes
from tests.places import on_disk
from tests.runs import Scored, record_of, save_record, write_features, write_run

_CAT, _DOG, _BOTH = (0.75, 0.25), (0.125, 0.875), (0.5, 0.5)
_PETS = ("cat", "dog")
_LEAVES = ("ash", "beech", "oak")
_A, _B, _C = (0.625, 0.25, 0.125), (0.125, 0.25, 0.625), (0.25, 0.5, 0.25)


def _run(
    path: Path,
    vectors: Sequence[Sequence[float] | None],
    labels: Sequence[str],
    names: Sequence[str] = (),
    outputs: str | None = None,
) -> RunFolder:
    """A run of 1.jpg, 2.jpg and so on; None for an unreadable image."""
    names = names or [f"test/{number}.jpg" for number in range(1, len(vectors) + 1)]
    images = [
        Scored(name, vector, reason=None if vector else "broken") for name, vector in zip(names, vectors, strict=True)
    ]
    return write_run(path / "run", images, labels, shard_size=2, outputs=outputs)


def _fill(folder: RunFolder, lines: Sequence[str], fallback: float | None = None, **wishes: Any) -> list[str]:
    return _fill_and_tell(folder, lines, fallback, **wishes)[0]


def _fill_and_tell(
    folder: RunFolder, lines: Sequence[str], fallback: float | None = None, **wishes: Any
) -> tuple[list[str], Submission]:
    """The lines of the CSV, and what is told of it."""
    template = on_disk(folder.path).parent / "sample_submission.csv"
    template.write_text("\n".join(lines) + "\n", encoding="utf-8")
    request = TemplateRequest(template, Wishes(**wishes), fallback)
    written = fill_template(folder, request, folder.submission)
    return on_disk(folder.submission).read_text(encoding="utf-8").splitlines(), written


def _refused(
    folder: RunFolder, lines: Sequence[str], message: str, fallback: float | None = None, **wishes: Any
) -> None:
    with pytest.raises(RequestError, match=message):
        _fill(folder, lines, fallback, **wishes)
    assert not folder.submission.exists()


@pytest.mark.parametrize(
    "ids", [("1", "2"), ("2.jpg", "1.jpg"), ("pets\\1.jpg", "pets\\2.jpg"), ("pets/2.jpg", "pets/1.jpg")]
)
def test_ids_are_matched_with_the_paths_that_rows_of_a_table_tell(tmp_path: Path, ids: Sequence[str]) -> None:
    images = [
        Scored(f"pets/{number}.jpg", vector, raw_path=f"pets\\{number}.jpg".encode())
        for number, vector in enumerate([(1.0, 0.0), _DOG], 1)
    ]
    folder = write_run(tmp_path / "run", images, _PETS)
    answers = {"1": "0", "2": "0.875"}
    meant = [f"{one},{answers[one.removesuffix('.jpg')[-1]]}" for one in ids]
    assert _fill(folder, ["id,is_dog", *(f"{one},0.5" for one in ids)]) == ["id,is_dog", *meant]


@pytest.mark.parametrize(
    ("lines", "wishes"),
    [
        (["id,label", "1,3", "2,2"], {}),  # numbers of the table
        (["id,label", "1,2", "2,1"], {}),
        (["id,label", "1,0", "2,0"], {"values": Values.INDEX}),
        (["id,label", "1,1", "2,3"], {"values": Values.INDEX}),
        (["id,label", "1,0 2", "2,1 0"], {}),
        (["id,label", "1,0 2", "2,1"], {"threshold": 0.5}),
    ],
)
@pytest.mark.parametrize(("numbers", "said"), [((0, 2, 3), "2"), ((0, None, 3), "none of its own")])
def test_an_index_that_is_not_the_number_of_its_class_in_the_table_is_refused(
    tmp_path: Path, lines: Sequence[str], wishes: dict[str, Any], numbers: tuple[int | None, ...], said: str
) -> None:
    folder = _run(tmp_path, [_A, _B], _LEAVES)
    save_record(folder, replace(record_of(folder.path), class_numbers=numbers))
    told = f"Expected `values` label for this run: 1 is the index of 'beech', whose number in .* is {said}, as not all"
    _refused(folder, lines, told, **wishes)
    assert _fill(folder, ["id,label", "1,oak", "2,ash"]) == ["id,label", "1,ash", "2,oak"]
    assert _fill(folder, ["id,p", "1,0.5", "2,0.5"], positive="oak") == ["id,p", "1,0.125", "2,0.625"]


def test_one_of_two_classes_that_is_named_is_one_whatever_their_numbers(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], _PETS)
    save_record(folder, replace(record_of(folder.path), class_numbers=(1, 2)))
    lines = ["id,label", "1,0", "2,0"]
    _refused(folder, lines, "Expected `values` label for this run: 0 is the index of 'cat'", values=Values.INDEX)
    assert _fill(folder, lines, values=Values.INDEX, positive="cat")[1:] == ["1,1", "2,0"]


def test_one_column_of_fractions_is_the_probability_of_a_dog_unclipped(tmp_path: Path) -> None:
    folder = _run(tmp_path, [(1.0, 0.0), _DOG], _PETS)
    lines, told = _fill_and_tell(folder, ["id,is_dog", "2,0.5", "1,0.5"])
    assert lines == ["id,is_dog", "2,0.875", "1,0"]
    assert (told.holds, told.num_rows, told.num_unasked) == ("the probability of dog", 2, 0)
    assert _fill(folder, ["id,is_dog", "2,0.5", "1,0.5"], clip=0.25) == ["id,is_dog", "2,0.75", "1,0.25"]


def test_positive_tells_whose_probability_is_wanted(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, _B], _LEAVES)
    lines = ["image,target", "1,0.5", "2,0.5"]
    assert _fill(folder, lines, positive="oak") == ["image,target", "1,0.125", "2,0.625"]


def test_every_digit_of_a_probability_is_written(tmp_path: Path) -> None:
    probability = float(np.float32(0.1234567891))
    lines = _fill(_run(tmp_path, [(1 - probability, probability)], _PETS), ["id,label", "1,0.5"])
    assert np.float32(lines[1].split(",")[1]) == np.float32(probability)


@pytest.mark.parametrize("wishes", [{}, {"positive": "no"}, {"positive": "fir"}])
def test_a_probability_of_none_that_is_known_is_refused(tmp_path: Path, wishes: dict[str, Any]) -> None:
    _refused(_run(tmp_path, [_A], _LEAVES), ["id,label", "1,0.5"], "Expected `positive`", **wishes)


def test_a_dog_beside_anything_but_a_cat_is_not_taken_for_the_one_that_is_wanted(tmp_path: Path) -> None:
    lines = ["id,label", "1,0.5"]
    _refused(_run(tmp_path / "a", [(0.25, 0.75)], ("wolf", "dog")), lines, "Expected `positive`.*wolf, dog")
    assert _fill(_run(tmp_path / "b", [(0.25, 0.75)], ("Cats", "Dogs")), lines)[1:] == ["1,0.75"]


@pytest.mark.parametrize(
    "column", ["cat", "Cats", "is_cat", "isCat", "IS CAT", "cat_prob", "cat_probability", "P(cat)", "p(cats)", "cat?"]
)
def test_a_column_that_is_named_after_a_label_gets_its_probability_and_no_others(tmp_path: Path, column: str) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], _PETS)
    given = [f"id,{column}", "1,0.5", "2,0.5"]
    message = f"`positive` cat, after which the column {column!r} of `template` is named; received dog"
    _refused(folder, given, re.escape(message), positive="dog")
    lines, told = _fill_and_tell(folder, given)
    assert lines[1:] == _fill(folder, given, positive="cat")[1:] == ["1,0.75", "2,0.125"]
    assert told.holds == "the probability of cat"


def test_a_column_may_be_named_after_a_label_of_several_words(tmp_path: Path) -> None:
    for column in ("is_golden_retriever", "p(Golden Retrievers)", "golden-retriever"):
        for place, labels in enumerate([("golden retriever", "retrievers", "poodle"), ("golden_retriever", "a", "b")]):
            folder = _run(tmp_path / column / str(place), [_A], labels)
            assert _fill(folder, [f"id,{column}", "1,0.5"])[1:] == ["1,0.625"]
            with pytest.raises(RequestError, match="after which the column"):
                _fill(folder, [f"id,{column}", "1,0.5"], positive=labels[1])


@pytest.mark.parametrize(
    ("labels", "columns"),
    [
        (("dog", "hot dog", "no dog"), "no_dog,Hot_Dogs,dog"),
        (("Fat Hen", "common-wheat", "sugar_beet"), "Sugar beet,Common_Wheat,fat_hen"),
        (("HER2", "HER2-", "other"), "other,her2-,her2"),
        (("a-b", "a_b", "c"), "c,a_b,a-b"),
        (("cat", "cats", "hot dog"), "hot-dog,cats,cat"),
        (("cat", "dogs", "type_01"), "Type 1,DOG,Cat"),
    ],
)
def test_each_of_several_columns_may_be_named_after_a_label_of_several_words(
    tmp_path: Path, labels: tuple[str, ...], columns: str
) -> None:
    first, second, third = _A
    template = [f"id,{columns}", "1,0,0,0"]
    folder = _run(tmp_path, [_A], labels)
    assert _fill(folder, template) == [f"id,{columns}", f"1,{third},{second},{first}"]


@pytest.mark.parametrize(
    ("labels", "columns"),
    [
        (("HER2-", "other"), "HER2,other"),
        (("a-b", "a_b", "c"), "c,a_b,a b"),
        (("no dog", "dog"), "dog,nodog"),
        (("hot dog", "dog"), "hot_dog,hot-dog"),
    ],
)
def test_a_column_whose_name_may_mean_another_label_or_none_is_refused(
    tmp_path: Path, labels: tuple[str, ...], columns: str
) -> None:
    folder = _run(tmp_path, [_A[: len(labels)]], labels)
    zeros = ",0" * len(labels)
    _refused(folder, [f"id,{columns}", f"1{zeros}"], "one column for each of the run's")


@pytest.mark.parametrize(
    ("labels", "column", "index"),
    [
        (("no-dog", "dog"), "no_dog", 0),
        (("no-dog", "dog"), "is_dog", 1),
        (("yes", "no"), "is_no", 1),
        (("cat", "cats", "dog"), "is_cats", 1),
        (("I", "II", "III"), "is_II", 1),
        (("0", "1", "2"), "class_1", 1),
    ],
)
def test_of_several_labels_in_a_name_the_longest_and_the_same_counts(
    tmp_path: Path, labels: tuple[str, ...], column: str, index: int
) -> None:
    folder = _run(tmp_path, [_A[: len(labels)]], labels)
    assert _fill(folder, [f"id,{column}", "1,0.5"])[1:] == [f"1,{_A[index]}"]


_BESIDE_LABELS = (
    "prob_{} p({}) {}_prob target_{} label_{} has_{} {}_score predicted_{} {}_probability {}_pred pred_{} {}Prob "
    "{}_label P({}|image) image_contains_{} {}_present class={} {}_detected probability-of-{} {}:confidence "
    "{}_value {}_diagnosis {}_status {}_risk {}_positive chance_of_{} expected_{} mean_{} P({}|x) species_{}"
)
_SAID_OF_LABELS = ("probability of a {}", "[{}]", "Predicted probability: {}", "Is there a {}?")


@pytest.mark.parametrize("named", [*_BESIDE_LABELS.split(), *_SAID_OF_LABELS])
def test_words_and_signs_that_competitions_put_beside_a_label_leave_it_what_is_wanted(
    tmp_path: Path, named: str
) -> None:
    for label, probability in (("cat", 0.75), ("dog", 0.25)):
        folder = _run(tmp_path / label, [_CAT], _PETS)
        assert _fill(folder, [f"id,{named.format(label)}", "1,0.5"])[1:] == [f"1,{probability}"]
    folder = _run(tmp_path / "numbers", [_CAT], ("0", "1"))
    assert _fill(folder, [f"id,{named.format('0')}", "1,0.5"])[1:] == ["1,0.75"]


_MAY_TURN = (
    "{}_free free_of_{}s zero_{} false_{} {}_is_false w/o_{} wo_{} sans_{} {}=0 {}==0 {}_0 {}^c {}' {}- -{} {}/n "
    "{}_error hardly_a_{} kein_{} rather_{} 100-{} {}_rejected un-{} ex_{} ≠{} 0*{} is_{}_notdog "
    "false_positive_{} low_{}_risk {}_count {}_percent"
)


@pytest.mark.parametrize("named", [*_MAY_TURN.split(), "{} is false"])
def test_a_column_with_other_words_or_signs_beside_a_label_asks_whether_it_wants_that(
    tmp_path: Path, named: str
) -> None:
    column = named.format("cat")
    folder = _run(tmp_path, [_CAT], _PETS)
    named_so = re.escape(f"the column {column!r} of")
    _refused(folder, [f"id,{column}", "1,0.5"], f"`positive`: which label's probability {named_so}")
    _refused(folder, [f"id,{column}", "1,0"], f"`values` probability for {named_so}", values=Values.INDEX)
    for positive, probability in (("cat", 0.75), ("dog", 0.25)):
        assert _fill(folder, [f"id,{column}", "1,0.5"], positive=positive)[1:] == [f"1,{probability}"]


def test_signs_of_a_label_in_the_name_of_a_column_are_its_own(tmp_path: Path) -> None:
    for label in ("HER2+", "cat/kitten", "C#"):
        folder = _run(tmp_path / str(len(label)), [_CAT], (label, "other"))
        assert _fill(folder, [f"id,p({label})", "1,0.5"])[1:] == ["1,0.75"]


@pytest.mark.parametrize("column", ["cat_or_dog", "cat_not_dog", "iscat", "notcat", "nodog", "noncats", "isnotdogs"])
def test_a_column_whose_name_does_not_tell_which_label_it_wants_asks(tmp_path: Path, column: str) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], _PETS)
    _refused(folder, [f"id,{column}", "1,0.5"], f"which label's probability the column '{column}'")
    assert _fill(folder, [f"id,{column}", "1,0.5"], positive="dog")[1:] == ["1,0.25"]


@pytest.mark.parametrize(
    "denies",
    ["not_{}", "no_{}", "no_{}s", "non-{}", "is_not_a_{}", "isn't {}", "without_{}", "{}_absent", "!{}", "1 - p({})"],
)
def test_a_column_that_denies_a_label_gets_no_probability_of_it(tmp_path: Path, denies: str) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], _PETS)
    for denied, other in (_PETS, _PETS[::-1]):
        column = denies.format(denied)
        given = [f"id,{column}", "1,0.5"]
        _refused(folder, given, re.escape(f"which label's probability the column {column!r}"))
        _refused(folder, given, f"its name denies {denied}, received {denied}", positive=denied)
        assert _fill(folder, given, positive=other)[1:] == [f"1,{_CAT[_PETS.index(other)]}"]
        folder.submission.unlink()


@pytest.mark.parametrize("column", ["emergency_or_not", "EmergencyOrNot", "is emergency or not?"])
def test_or_not_at_the_end_of_a_name_denies_nothing(tmp_path: Path, column: str) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], ("non-emergency", "emergency"))
    given = [f"id,{column}", "1,0", "2,0"]
    assert _fill(folder, given, positive="emergency")[1:] == ["1,0.25", "2,0.875"]
    assert _fill(folder, given, values=Values.INDEX)[1:] == ["1,0", "2,1"]
    _refused(_run(tmp_path / "b", [_CAT], _PETS), ["id,or_not_cat", "1,0.5"], "which label's probability the column")
    _refused(_run(tmp_path / "c", [_CAT], _PETS), ["id,or_not", "1,0.5"], "which label's probability the column")


def test_what_is_not_one_of_three_labels_is_no_other_ones_probability(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A], _LEAVES)
    for label in _LEAVES:
        _refused(folder, ["id,not_ash", "1,0.5"], f"its name denies ash, received {label}", positive=label)


@pytest.mark.parametrize("column", ["category", "category_id", "classification", "location", "indicator", "dogma"])
def test_a_label_within_another_word_is_none(tmp_path: Path, column: str) -> None:
    folder = _run(tmp_path, [_CAT], _PETS)
    assert _fill(folder, [f"id,{column}", "1,0.5"])[1:] == ["1,0.25"], "as of a column that tells of neither"
    assert _fill(folder, [f"id,{column}", "1,0.5"], positive="cat")[1:] == ["1,0.75"]


def test_another_label_than_the_one_that_the_column_is_named_after_is_refused(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, _B], _LEAVES)
    lines = ["id,ash_or_oak", "1,0.5", "2,0.5"]
    _refused(folder, lines, "`positive` ash or oak, after which .* received beech", positive="beech")
    lines = ["id,ash", "1,0.5", "2,0.5"]
    _refused(folder, lines, "`positive` ash, after which the column 'ash' .* is named; received oak", positive="oak")
    assert _fill(folder, lines)[1:] == _fill(folder, lines, positive="ash")[1:] == ["1,0.625", "2,0.125"]


def test_the_index_is_refused_where_the_column_is_named_after_the_first_of_two_labels(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], _PETS)
    for column in ("is_cat", "not_dog"):
        _refused(
            folder, [f"id,{column}", "1,0"], f"`values` probability for the column '{column}'", values=Values.INDEX
        )
    for column in ("is_dog", "not_cat", "label"):
        assert _fill(folder, [f"id,{column}", "1,0", "2,0"], values=Values.INDEX)[1:] == ["1,0", "2,1"]


_DENIED = [
    ("cactus", "no_cactus"),
    ("DR", "No_DR"),
    ("hot_dog", "not_hot_dog"),
    ("hotdog", "nothotdog"),
    ("COVID", "non-COVID"),
    ("covid", "NonCOVID"),
    ("with_mask", "without_mask"),
    ("mask", "w/o mask"),
    ("Accident", "Non Accident"),
    ("infected", "uninfected"),
    ("active", "inactive"),
    ("crack", "crack-free"),
    ("Positive", "Negative"),
    ("covid_positive", "covid_negative"),
    ("mask_present", "mask_absent"),
    ("Yes", "No"),
    ("true", "false"),
    ("fire", "none"),
    ("HER2+", "HER2-"),
    ("cat", "!cat"),
]


@pytest.mark.parametrize("labels", _DENIED)
def test_of_two_labels_the_one_that_denies_the_other_is_1_only_if_the_column_or_positive_says_so(
    tmp_path: Path, labels: tuple[str, str]
) -> None:
    folder, (label, denial) = _run(tmp_path, [_CAT, _DOG], labels), labels
    for column in ("label", "target", "x_or_not", label):
        _refused(folder, [f"id,{column}", "1,0", "2,0"], "`positive`", values=Values.INDEX)
    for positive, written in ((label, ["1,1", "2,0"]), (denial, ["1,0", "2,1"])):
        lines, told = _fill_and_tell(folder, ["id,label", "1,0", "2,0"], values=Values.INDEX, positive=positive)
        assert (lines[1:], told.holds) == (written, f"1 for {positive} and 0 for {labels[positive == label]}")
    other_way = _run(tmp_path / "b", [_CAT, _DOG], labels[::-1])
    for column in ("label", label):
        written, told = _fill_and_tell(other_way, [f"id,{column}", "1,0", "2,0"], values=Values.INDEX)
        assert (written[1:], told.warnings) == (["1,0", "2,1"], ())


@pytest.mark.parametrize(
    ("labels", "column"),
    [
        (("cactus", "no_cactus"), "no_cactus"),
        (("with_mask", "without_mask"), "no_mask"),
        (("with_mask", "without_mask"), "nomask"),
        (("COVID", "non-COVID"), "noncovid"),
        (("DR", "No_DR"), "is_healthy"),
        (("dog", "cat"), "nodog"),
        (("cat", "dog"), "isdog"),
        (("healthy", "unhealthy"), "label"),
        (("good", "not_good"), "label"),
        (("door", "indoor"), "label"),
        (("no_dog", "no_pets"), "label"),
        (("cat", "other_cat"), "label"),
        (("not_recyclable", "recyclable"), "label"),
        (("negative", "positive"), "has_crack"),
        (("no_tumor", "tumor"), "no_tumor/tumor"),
        (("not_hotdog", "hotdog"), "not_hotdog_vs_hotdog"),
        (("nonviolence", "violence"), "nonviolence_vs_violence"),
        (("None", "Some"), "None/Some"),
        (("cat", "dog"), "cat (2) or dog"),
        (("type_1", "type_2"), "type_1/type_2"),
    ],
)
def test_1_is_the_second_of_two_labels_where_that_is_no_denial_or_the_column_asks_for_it(
    tmp_path: Path, labels: tuple[str, str], column: str
) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], labels)
    assert _fill(folder, [f"id,{column}", "1,0", "2,0"], values=Values.INDEX)[1:] == ["1,0", "2,1"]


@pytest.mark.parametrize(
    ("labels", "column"),
    [
        (("hot_dog", "pizza"), "hotdog"),
        (("hotdog", "pizza"), "hot_dog"),
        (("type_01", "type_02"), "Type_1"),
        (("cat", "dog"), "iscat"),
        (("cat", "dog"), "nodogs"),
        (("Yes", "No"), "no_tumor"),
        (("without_mask", "with_mask"), "no_mask"),
        (("cactus", "no_cactus"), "yes_no"),
        (("cactus", "no_cactus"), "cactus/no_cactus"),
        (("female", "male"), "Female (1) / Male (0)"),
        (("female", "male"), "1=female 2=male"),
    ],
)
def test_1_is_not_the_second_of_two_labels_where_the_column_may_ask_for_the_first(
    tmp_path: Path, labels: tuple[str, str], column: str
) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], labels)
    _refused(folder, [f"id,{column}", "1,0", "2,0"], f"(for|in) the column '{re.escape(column)}'", values=Values.INDEX)
    lines = [f"id,{column}", "1,0", "2,0"]
    assert _fill(folder, lines, values=Values.INDEX, positive=labels[0])[1:] == ["1,1", "2,0"]


def test_a_column_of_the_label_in_one_word_gets_its_probability(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_CAT], ("hot_dog", "not_hot_dog"))
    assert _fill(folder, ["id,hotdog", "1,0.5"])[1:] == ["1,0.75"]
    assert _fill(folder, ["id,nothotdog", "1,0.5"])[1:] == ["1,0.25"]
    folder = _run(tmp_path / "b", [_CAT], ("island", "sea"))
    _refused(folder, ["id,is_land", "1,0.5"], "which label's probability")


def test_what_1_seldom_means_is_told(tmp_path: Path) -> None:
    for number, labels in enumerate((("COVID", "Healthy"), ("cat", "others"), ("cancer", "no_tumor"))):
        folder = _run(tmp_path / str(number), [_CAT, _DOG], labels)
        written, told = _fill_and_tell(folder, ["id,label", "1,0", "2,0"], values=Values.INDEX)
        assert written[1:] == ["1,0", "2,1"]
        assert told.warnings == (
            f"As an index, 1 means {labels[1]!r}, and 0 {labels[0]!r}. If 1 is to mean {labels[0]!r}, name it as "
            "`positive`.",
        )
        for column, positive in ((labels[1], None), ("is_healthy", None), ("label", labels[0])):
            lines = [f"id,{column}", "1,0", "2,0"]
            assert _fill_and_tell(folder, lines, values=Values.INDEX, positive=positive)[1].warnings == ()
    folder = _run(tmp_path / "normal", [_CAT, _DOG], ("normal", "pneumonia"))
    assert _fill_and_tell(folder, ["id,label", "1,0", "2,0"], values=Values.INDEX)[1].warnings == ()


def test_the_one_of_two_labels_that_is_1_is_that_of_the_columns_name(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_CAT, None, _DOG], _PETS)
    lines = ["id,is_cat", "3,0", "1,0", "2,1.0"]
    assert _fill(folder, lines, 0.5, values=Values.INDEX, positive="cat")[1:] == ["3,0", "1,1", "2,1"]
    with pytest.raises(IncompleteError, match="for 2, which could not be read; it has '', and 1 for cat and 0 for dog"):
        _fill(folder, ["id,is_cat", "1,0", "2,"], 0.5, values=Values.INDEX, positive="cat")
    folder = _run(tmp_path / "b", [_CAT, _DOG], _PETS)
    lines = ["id,is_cat", "1,0", "2,0"]
    _refused(folder, lines, "`positive` cat, after which", values=Values.INDEX, positive="dog")
    _refused(folder, lines, "to be one of the run's labels", values=Values.INDEX, positive="fir")
    _refused(folder, lines, "no `clip`", values=Values.INDEX, positive="cat", clip=0.1)
    numbers = _run(tmp_path / "c", [_CAT, _DOG], ("0", "1"))
    _refused(numbers, ["id,label", "1,0", "2,0"], "Expected `values` label", values=Values.INDEX, positive="0")
    assert _fill(numbers, ["id,label", "1,0", "2,0"], values=Values.INDEX, positive="1")[1:] == ["1,0", "2,1"]
    three = _run(tmp_path / "d", [_A], _LEAVES)
    _refused(three, ["id,label", "1,0"], "no `positive`.*the index of", values=Values.INDEX, positive="ash")


@pytest.mark.parametrize("values", ["12", ("-1", "1"), ("True", "False"), ("false", ""), ("1.0", "2.0"), ("0.5", "2")])
@pytest.mark.parametrize("positive", [None, "cat", "dog"])
def test_a_template_of_other_values_than_0_and_1_gets_no_index_of_two_labels(
    tmp_path: Path, values: Sequence[str], positive: str | None
) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], _PETS)
    lines = ["id,label", f"1,{values[0]}", f"2,{values[1]}"]
    told = "indices from 0 to 1, as the run has 2 labels; received .*score with labels that are these; if they only"
    _refused(folder, lines, told, values=Values.INDEX, positive=positive)


@pytest.mark.parametrize("values", [("0", "0"), ("", ""), ("-1", "-1"), ("1.0", "0.0"), ("0.5", "0.7"), ("x", "y")])
def test_a_template_whose_values_hold_a_place_gets_indices_of_two_labels(tmp_path: Path, values: Sequence[str]) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], _PETS)
    lines = ["id,label", f"1,{values[0]}", f"2,{values[1]}"]
    assert _fill(folder, lines, values=Values.INDEX)[1:] == ["1,0", "2,1"]


_FIVE = ("any", "epidural", "intra", "sub", "ventricular")


@pytest.mark.parametrize(
    ("values", "beyond"),
    [
        ("1,2,3,4,5", "5"),
        ("1.0,5.0", "5.0"),
        ("0,-1", "-1"),
        ("0.5,64.79,1", "64.79"),
        ("7,7,9", "7"),
        ("?,5,0", "5"),
        ("1 2,4 5", "5"),
        ("14 1 4 2 0", "14"),
    ],
)
@pytest.mark.parametrize("wishes", [{}, {"threshold": 0.3}])
def test_indices_are_not_written_where_the_numbers_of_a_template_go_beyond_them(
    tmp_path: Path, values: str, beyond: str, wishes: dict[str, Any]
) -> None:
    folder = _run(tmp_path, [(0.1, 0.2, 0.3, 0.4, 0.0)] * 5, _FIVE, outputs="multi-label" if wishes else None)
    lines = ["id,label", *(f"{number},{value}" for number, value in enumerate(values.split(","), 1))]
    told = f"indices from 0 to 4, as the run has 5 labels; received {re.escape(beyond)}. If such are wanted, score with"
    _refused(folder, lines, told, values=Values.INDEX, **wishes)
    if values == "1,2,3,4,5" and not wishes:
        _refused(folder, lines, told)


@pytest.mark.parametrize("values", ["0 0", "1 1.0", "5 5", "-1 -1", "0 4", "0.2 0.8", "0.5 1", "Type5 Type1", "? 9"])
@pytest.mark.parametrize("wishes", [{}, {"threshold": 0.3}])
def test_numbers_that_hold_a_place_or_are_of_classes_get_indices(
    tmp_path: Path, values: str, wishes: dict[str, Any]
) -> None:
    folder = _run(tmp_path, [(0.1, 0.2, 0.0, 0.4, 0.1)] * 2, _FIVE, outputs="multi-label" if wishes else None)
    lines = ["id,label", *(f"{number},{value}" for number, value in enumerate(values.split(), 1))]
    assert _fill(folder, lines, values=Values.INDEX, **wishes)[1:] == ["1,3", "2,3"]


@pytest.mark.parametrize(("labels", "positive"), [(("1", "2", "3"), None), (("1", "2"), None), (("1", "2"), "1")])
def test_labels_that_are_the_numbers_of_a_template_are_advised_before_their_indices_are_refused(
    tmp_path: Path, labels: Sequence[str], positive: str | None
) -> None:
    folder = _run(tmp_path, [[1 / len(labels)] * len(labels)] * 3, labels)
    lines = ["id,label", "1,1", "2,2", f"3,{labels[-1]}"]
    told = "Expected `values` label, as the labels of the run are numbers"
    _refused(folder, lines, told, values=Values.INDEX, positive=positive)
    assert _fill(folder, lines, values=Values.LABEL)[1:] == ["1,1", "2,1", "3,1"]


def test_that_labels_are_numbered_otherwise_is_told_of_the_one_that_is_1_too(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], ("class_0", "class_1"))
    lines, told = _fill_and_tell(folder, ["id,label", "1,0", "2,0"], values=Values.INDEX, positive="class_0")
    assert (lines[1:], len(told.warnings)) == (["1,1", "2,0"], 1)
    assert told.warnings[0].startswith("As an index, 0 means 'class_1', whose name has the number 1.")


def test_two_labels_that_are_the_same_are_no_name_of_a_column(tmp_path: Path) -> None:
    _refused(_run(tmp_path, [_A], ("ash", "ash", "oak")), ["id,ash", "1,0.5"], "two of them are ash")


def test_one_column_of_words_is_the_label(tmp_path: Path) -> None:
    lines, told = _fill_and_tell(_run(tmp_path, [_A, _B, _C], _LEAVES), ["id,species", "3,ash", "1,oak", "2,ash"])
    assert lines == ["id,species", "3,beech", "1,ash", "2,oak"]
    assert told.holds == "the best label"


def test_a_label_with_spaces_is_a_word_and_no_list(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], ("golden retriever", "great dane"))
    assert _fill(folder, ["id,breed", "1,great dane", "2,great dane"])[1:] == ["1,golden retriever", "2,great dane"]


def test_words_that_are_no_labels_are_refused_with_the_first_unless_told_to_be_placeholders(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, _B], _LEAVES)
    lines = ["id,species", "1,ash", "2,fir"]
    _refused(folder, lines, "labels of the run, which are ash, beech, oak; 'fir' is none.*`values`")
    assert _fill(folder, lines, values=Values.LABEL)[1:] == ["1,ash", "2,oak"]


def test_whole_numbers_are_class_indices_and_the_mapping_is_told(tmp_path: Path) -> None:
    lines, told = _fill_and_tell(_run(tmp_path, [_A, _B], _LEAVES), ["id,label", "1,2", "2,2"])
    assert lines[1:] == ["1,0", "2,2"]
    assert told.holds == "the index of the best class: 0 = ash, 1 = beech, 2 = oak"


def test_whole_numbers_are_labels_where_the_labels_are_these_numbers(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, _B], ("1", "10", "2"))
    assert _fill(folder, ["id,label", "1,2", "2,1"])[1:] == ["1,1", "2,2"]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (("1", "2", "3"), "0 is the label 1"),
        (("0", "1", "10"), "2 is the label 10"),
        (("-1", "0", "1"), "0 is the label -1"),
        (("1.0", "2.0", "3.0"), r"0 is the label 1\.0"),
    ],
)
def test_an_index_is_refused_where_labels_are_other_numbers(tmp_path: Path, labels: Sequence[str], told: str) -> None:
    folder = _run(tmp_path, [_A, _B], labels)
    for values, wishes in ((("0", "1"), {}), (("0 1", "1 0"), {}), (("0", "1"), {"threshold": 0.2})):
        lines = ["id,label", f"1,{values[0]}", f"2,{values[1]}"]
        _refused(
            folder, lines, f"Expected `values` label.*received index, of which {told}", values=Values.INDEX, **wishes
        )


def test_an_index_is_the_label_where_labels_count_from_nought(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, _B], ("00", "1", "2"))
    assert _fill(folder, ["id,label", "1,0", "2,0"], values=Values.INDEX)[1:] == ["1,0", "2,2"]


@pytest.mark.parametrize("labels", [("c0", "c1", "c10", "c2"), ("0_ash", "1_oak", "10_fir", "2_yew")])
def test_whole_numbers_that_may_be_those_within_labels_do_not_tell(tmp_path: Path, labels: Sequence[str]) -> None:
    folder = _run(tmp_path, [(0.1, 0.2, 0.6, 0.1), (0.4, 0.3, 0.2, 0.1)], labels)
    message = f"2 is the index of '{labels[2]}', and 10 the number in its name. Say `values` index.*alone: 0, 1, 10, 2"
    for values in (("2", "1"), ("2.0", "2.0"), ("2 1", "1 0")):
        _refused(folder, ["id,label", f"1,{values[0]}", f"2,{values[1]}"], message)
    assert _fill(folder, ["id,label", "1,2", "2,1"], values=Values.INDEX)[1:] == ["1,2", "2,0"]


@pytest.mark.parametrize(
    "labels",
    [("c0", "c1", "c2"), ("n02085620", "n02085782", "n02085936"), ("Audi 2", "BMW 2", "Fiat 2"), ("2 A", "B", "C")],
)
def test_whole_numbers_are_indices_where_labels_have_them_in_order_or_others(
    tmp_path: Path, labels: Sequence[str]
) -> None:
    assert _fill(_run(tmp_path, [_A, _B], labels), ["id,label", "1,2", "2,2"])[1:] == ["1,0", "2,2"]


@pytest.mark.parametrize(
    ("labels", "meant"),
    [
        (("class_1", "class_10", "class_2"), "0 means 'class_1', whose name has the number 1. .*alone: 1, 10, 2."),
        (("digit_0", "digit_10", "digit_2"), "1 means 'digit_10', whose name has the number 10. .*alone: 0, 10, 2."),
        (("type 1", "type 2", "type 3"), "0 means 'type 1', whose name has the number 1. .*alone: 1, 2, 3."),
        (("001.Gull", "002.Owl", "003.Wren"), "0 means '001.Gull', whose name has the number 1. .*alone: 1, 2, 3."),
        (("covid19", "normal0", "pneu1"), None),
        (("c0", "c1", "c2"), None),
        (("n02085620", "n02085782", "n02085936"), None),
        (("0", "1", "2"), None),
        (_LEAVES, None),
    ],
)
def test_indices_of_labels_with_other_numbers_in_their_names_are_told(
    tmp_path: Path, labels: Sequence[str], meant: str | None
) -> None:
    folder = _run(tmp_path, [_A, _B], labels)
    lines = ["id,l", "1,0", "2,0"]
    if labels[0] != "0":
        message = "values are 0. Say with `values` which that is: probability, label or index."
        _refused(folder, lines, message + (f" As an index, {meant}" if meant else "$"))
    written, told = _fill_and_tell(folder, lines, values=Values.INDEX)
    assert written[1:] == ["1,0", "2,2"]
    assert _fill_and_tell(folder, ["id,l", "1,9", "2,9"], values=Values.INDEX)[1].warnings == ()
    assert len(told.warnings) == (meant is not None)
    assert meant is None or re.search(meant, told.warnings[0])


def test_zero_and_one_alone_do_not_tell(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], _PETS)
    lines = ["id,label", "1,0", "2,0"]
    _refused(folder, lines, "values are 0. Say with `values`")
    assert _fill(folder, lines, values=Values.INDEX)[1:] == ["1,0", "2,1"]
    assert _fill(folder, lines, values=Values.LABEL)[1:] == ["1,cat", "2,dog"]
    assert _fill(folder, lines, values=Values.PROBABILITY)[1:] == ["1,0.25", "2,0.875"]
    assert _fill(folder, lines, positive="cat")[1:] == ["1,0.75", "2,0.125"]


@pytest.mark.parametrize(("zero", "one"), [("0.0", "1.0"), ("0.", "1.00"), ("0", "1.0")])
def test_zero_and_one_do_not_tell_with_a_fraction_of_nought_either(tmp_path: Path, zero: str, one: str) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], _PETS)
    lines = ["id,label", f"1,{zero}", f"2,{one}"]
    _refused(folder, lines, rf"values are {zero}, {one}\. Say with `values`")
    assert _fill(folder, lines, values=Values.INDEX)[1:] == ["1,0", "2,1"]
    assert _fill(folder, lines, positive="cat")[1:] == ["1,0.75", "2,0.125"]


def test_whole_numbers_with_a_fraction_of_nought_are_class_indices(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, _B], _LEAVES)
    _refused(folder, ["id,label", "1,3.0", "2,0.0"], "indices from 0 to 2.*received 3.0")
    assert _fill(folder, ["id,label", "1,2.0", "2,0.0"])[1:] == ["1,0", "2,2"]
    assert _fill(folder, ["id,label", "1,1.0", "2,0.5"], positive="oak")[1:] == ["1,0.125", "2,0.625"]


def test_labels_zero_and_one_do_not_tell_either(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_CAT, _DOG], ("0", "1"))
    _refused(folder, ["id,label", "1,0", "2,1"], "`values`")
    assert _fill(folder, ["id,label", "1,0", "2,1"], positive="1")[1:] == ["1,0.25", "2,0.875"]


def test_blank_values_do_not_tell(tmp_path: Path) -> None:
    _refused(_run(tmp_path, [_CAT], _PETS), ["id,label", "1,"], "values are blank. Say with `values`")


@pytest.mark.parametrize(
    ("value", "message"),
    [("3", "indices from 0 to 2.*received 3"), ("1.5", "from 0 to 1 in `template`; received 1.5"), ("-1", "-1")],
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, value: str, message: str) -> None:
    _refused(_run(tmp_path, [_A], _LEAVES), ["id,label", f"1,{value}"], message)


def test_numbers_that_are_no_probabilities_are_refused_with_what_can_be_said_of_them(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, _B], ("0", "2", "4"))
    lines = ["id,diagnosis", "1,1.2", "2,4"]
    told = "received 1.2. Where it only holds a place, say with `values` what is wanted: probability, label or index."
    _refused(folder, lines, re.escape(told))
    assert _fill(folder, lines, values=Values.LABEL)[1:] == ["1,0", "2,4"]
    halves = _run(tmp_path / "halves", [_A, _B], ("0.5", "1.0", "1.5"))
    told = "'1' is none. The run spells it '1.0': score with labels spelled as the competition spells them"
    _refused(halves, ["id,score", "1,1.5", "2,1"], re.escape(told))
    assert _fill(halves, ["id,score", "1,1.5", "2,1.0"])[1:] == ["1,0.5", "2,1.5"]


@pytest.mark.parametrize(
    ("labels", "values", "told"),
    [
        (("1", "38", "100"), ("64.79", "3"), "64.79"),
        (("1", "38", "100"), ("64.0", "38"), None),
        (("1.0", "38.0", "100.0"), ("0.5", "0.5"), "0.5"),
        (("0", "1", "2"), ("1.5", "1.5"), "1.5"),
        (("0.5", "1.0", "1.5"), ("1.5", "0.7"), None),
        (("0", "1"), ("0.5", "0.5"), None),
        (_LEAVES, ("64.79", "3"), None),
    ],
)
def test_that_labels_are_no_quantity_is_told_where_they_are_whole_numbers_and_the_template_has_fractions(
    tmp_path: Path, labels: Sequence[str], values: Sequence[str], told: str | None
) -> None:
    folder = _run(tmp_path, [_A[: len(labels)], _B[: len(labels)]], labels)
    lines = ["id,Pawpularity", f"1,{values[0]}", f"2,{values[1]}"]
    for asked in (Values.LABEL, Values.INDEX) if labels[0] == "0" else (Values.LABEL,):
        warnings = _fill_and_tell(folder, lines, values=asked)[1].warnings
        meant = f"`template` has fractions such as {told}, and the run's labels are whole numbers: each was learned as "
        assert warnings == ((meant + "a class by itself, not as a quantity.",) if told else ())


def test_thirty_columns_are_matched_by_label_in_any_order(tmp_path: Path) -> None:
    labels = [f"breed{number}" for number in range(30)]
    vectors = np.random.default_rng(0).dirichlet(np.ones(30), 3).astype(np.float32)
    columns = labels[::-1]
    given = ["id," + ",".join(columns), *(f"{number}," + ",".join(["0.1"] * 30) for number in (2, 3, 1))]
    lines, told = _fill_and_tell(_run(tmp_path, vectors.tolist(), labels), given)
    assert lines[0] == given[0]
    assert told.holds == "the probabilities of 30 classes"
    for line, number in zip(lines[1:], (2, 3, 1), strict=True):
        one, *probabilities = line.split(",")
        assert one == str(number)
        assert np.array_equal(np.array(probabilities, np.float32), vectors[number - 1][::-1])


def test_columns_and_labels_that_differ_in_the_spelling_of_an_accent_alone_are_the_same(tmp_path: Path) -> None:
    one, two = unicodedata.normalize("NFC", "Kätzchen"), unicodedata.normalize("NFD", "Kätzchen")
    for number, (label, column) in enumerate(((one, two), (two, one))):
        folder = _run(tmp_path / str(number), [_CAT], ("Hund", label))
        _refused(folder, [f"id,is_{column}", "1,0.5"], "after which the column", positive="Hund")
        assert _fill(folder, [f"id,{column},Hund", "1,0,0"])[1] == "1,0.25,0.75"
        assert _fill(folder, [f"id,is_{column}", "1,0.5"])[1] == "1,0.25"
        assert _fill(folder, ["id,p", "1,0.5"], positive=column)[1] == "1,0.25"


@pytest.mark.parametrize("wishes", [{}, {"threshold": 0.5}])
def test_values_and_labels_that_differ_in_the_spelling_of_an_accent_alone_are_the_same(
    tmp_path: Path, wishes: dict[str, Any]
) -> None:
    one, two = unicodedata.normalize("NFC", "Kätzchen"), unicodedata.normalize("NFD", "Kätzchen")
    for number, (label, value) in enumerate(((one, two), (two, one))):
        outputs = "multi-label" if wishes else None
        folder = _run(tmp_path / str(number), [_DOG, None], ("Hund", label), outputs=outputs)
        assert _fill(folder, ["id,a", f"1,{value}", f"2,{value}"], 0.5, **wishes)[1:] == [f"1,{value}", f"2,{value}"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("form_of_run", ["NFC", "NFD"])
def test_labels_are_written_as_the_template_spells_its_values(tmp_path: Path, form: Any, form_of_run: Any) -> None:
    def spelled(text: str) -> str:
        return unicodedata.normalize(form, text)

    labels = [unicodedata.normalize(form_of_run, label) for label in ("épinette", "chêne", "pin")]
    folder = _run(tmp_path, [_A, _C, None], labels)
    one = [spelled(line) for line in ("1,épinette", "2,épinette", "3,épinette")]
    assert _fill(folder, ["id,a", *one], 0.5)[1:] == [one[0], spelled("2,chêne"), one[2]]
    assert _fill(folder, ["id,a", *one], 0.5, values=Values.LABEL)[2] == spelled("2,chêne")
    two = [spelled(f"{number},épinette chêne") for number in (1, 2, 3)]
    assert _fill(folder, ["id,a", *two], 0.5)[1:] == [two[0], spelled("2,chêne épinette"), two[2]]
    assert _fill(folder, ["id,a", *two], 0.5, threshold=0.5)[1:] == [spelled("1,épinette"), spelled("2,chêne"), two[2]]


# An accent of two characters and of one; letters that either form writes as others: of Hindi, Hebrew, Chinese, a unit.
_ODD = ["cafe\u0301", "caf\u00e9", "\u0958", "\ufb2a", "\uf900", "\u212b"]


@pytest.mark.parametrize("label", _ODD, ids=ascii)
@pytest.mark.parametrize("value", ["dog", "", "\u212b"], ids=ascii)
def test_labels_are_written_as_the_run_has_them_where_the_template_spells_no_accent(
    tmp_path: Path, value: str, label: str
) -> None:
    folder = _run(tmp_path, [_CAT], (label, "dog"))
    assert _fill(folder, ["id,a", f"1,{value}"], values=Values.LABEL)[1] == f"1,{label}"


@pytest.mark.parametrize(("value", "form"), [("e\u0301toile", "NFD"), ("\u00e9toile", "NFC")])
@pytest.mark.parametrize("label", _ODD, ids=ascii)
def test_labels_that_the_template_lacks_have_its_accents_and_stay_the_same_characters(
    tmp_path: Path, value: str, form: Any, label: str
) -> None:
    folder = _run(tmp_path, [_CAT], (label, "dog"))
    expected = unicodedata.normalize(form, label) if label.startswith("caf") else label
    assert _fill(folder, ["id,a", f"1,{value}"], values=Values.LABEL)[1] == f"1,{expected}"


def test_a_label_that_the_template_has_in_both_spellings_stays_as_it_is(tmp_path: Path) -> None:
    for number, label in enumerate(_ODD[:2]):
        folder = _run(tmp_path / str(number), [_CAT, _DOG], (label, "dog"))
        assert _fill(folder, ["id,a", f"1,{_ODD[0]}", f"2,{_ODD[1]}"])[1:] == [f"1,{label}", "2,dog"]


@pytest.mark.parametrize("given", ["2", "2.0"])
def test_labels_that_are_whole_numbers_are_the_same_however_a_template_spells_them(tmp_path: Path, given: str) -> None:
    folder = _run(tmp_path, [_A, _B, None], ("1", "2", "3"))
    lines = ["id,label", *(f"{number},{given}" for number in (1, 2, 3))]
    assert _fill(folder, lines, 0.5)[1:] == ["1,1", "2,3", "3,2"]
    folder = _run(tmp_path / "two", [_A[:2]], ("0", "1"))
    _refused(folder, ["id,label", f"1,{given.replace('2', '1')}"], "Expected `template` to tell what it wants")


def test_columns_are_those_of_labels_in_other_case_or_number(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A], ("cat", "dog", "fox"))
    assert _fill(folder, ["id,Dogs,FOX,Cat", "1,0,0,0"]) == ["id,Dogs,FOX,Cat", "1,0.25,0.125,0.625"]
    folder.submission.unlink()
    for columns, message in (
        ("Cat,cats,dog,fox", "the first column that is no label is 'cats'"),
        ("Cat,cats,dog", "the first label without a column is 'fox', the first column that is no label is 'cats'"),
    ):
        _refused(folder, [f"id,{columns}", f"1{',0' * len(columns.split(','))}"], message)
    folder = _run(tmp_path / "two", [_A], ("cat", "cats", "fox"))
    _refused(folder, ["id,Cat,cats,fox", "1,0,0,0"], "the first label without a column is 'cat'")


def test_every_column_and_label_is_looked_at_once_in_another_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [f"leaf {number}" for number in range(20)]
    asked = Mock(side_effect=singular)
    monkeypatch.setattr(choosing, "singular", asked)
    lines = [",".join(["id", *map(str.upper, labels)]), ",".join(["1", *["0"] * 20])]
    assert _fill(_run(tmp_path, [[0.05] * 20], labels), lines)[0] == lines[0]
    assert asked.call_count == 40


@pytest.mark.parametrize(
    ("answer", "wishes"), [("leaf 3", {}), ("leaf 3,leaf 4", {}), ("leaf 3,leaf 4", {"threshold": 0.5})]
)
def test_labels_are_looked_at_once_however_many_images_could_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, wishes: dict[str, Any]
) -> None:
    """Of 10,000 labels and 100,000 such images it took a minute."""
    labels = [f"leaf {number}" for number in range(20)]
    asked = Mock(side_effect=composed)
    monkeypatch.setattr(answers, "composed", asked)
    folder = _run(tmp_path, [[0.05] * 20, *[None] * 30], labels)
    lines = [f'{number},"{answer}"' for number in range(1, 32)]
    filled = _fill(folder, ["id,label", *lines], fallback=0.5, **wishes)
    assert [next(csv.reader([line])) for line in filled[2:]] == [[str(number), answer] for number in range(2, 32)]
    assert asked.call_count <= 20 + 2


def test_eleven_columns_need_not_sum_to_one(tmp_path: Path) -> None:
    labels = [f"tube{number}" for number in range(11)]
    vector = [number / 16 for number in range(11)]
    lines = _fill(_run(tmp_path, [vector], labels), ["uid," + ",".join(labels), "1" + ",0" * 11])
    assert [float(value) for value in lines[1].split(",")[1:]] == vector


def test_columns_of_more_labels_are_filled_from_a_run_that_stores_all(tmp_path: Path) -> None:
    labels, vector = [f"breed{number}" for number in range(120)], [number / 7140 for number in range(120)]
    images = [Scored("1.jpg", vector), Scored("2.jpg", None, reason="broken")]
    folder = write_run(tmp_path / "run", images, labels, store="all")
    lines = _fill(folder, ["id," + ",".join(labels), "2" + ",0.5" * 120, "1" + ",0.5" * 120], fallback=0.25)
    assert lines[1] == "2" + ",0.25" * 120
    assert [float(value) for value in lines[2].split(",")[1:]] == pytest.approx(vector, rel=1e-6)
    ranked = _fill(folder, ["id,breed", "1,breed7 breed1 breed2 breed3 breed4 breed5"])
    assert ranked[1] == "1," + " ".join(f"breed{number}" for number in range(119, 113, -1))


def test_columns_of_more_labels_than_are_stored_are_refused(tmp_path: Path) -> None:
    labels = [f"breed{number}" for number in range(120)]
    folder = _run(tmp_path, [[1 / 120] * 120], labels)
    _refused(folder, ["id," + ",".join(labels), "1" + ",0.1" * 120], "stored for at most 32 labels; this run has 120")
    assert _fill(folder, ["id,breed", "1,breed7 breed1 breed2 breed3 breed4"])[1] == (
        "1,breed0 breed1 breed2 breed3 breed4"
    )
    with pytest.raises(RequestError, match="Expected a run with the probabilities of all labels for the best 6 labels"):
        _fill(folder, ["id,breed", "1," + " ".join(labels[:6])])


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id,ash,oak", "first label without a column is 'beech'"),
        ("id,ash,oak,beech,fir", "first column that is no label is 'fir'"),
        ("id,ash,oak,fir", "without a column is 'beech', the first column that is no label is 'fir'"),
        (",id,ash,oak,beech", "no label is 'id'. Ids are read from its first column, ''; leave out what is neither"),
        (",id,label", "labels, or one alone for an answer; it has 2: .* Ids are read from its first column, ''; "),
        ("id,label,Usage", "labels, or one alone for an answer; it has 2: .* Ids are read from its first column, 'id'"),
    ],
)
def test_columns_that_are_not_the_labels_are_refused_with_the_first(tmp_path: Path, header: str, message: str) -> None:
    _refused(_run(tmp_path, [_A], _LEAVES), [header, "1" + ",0" * header.count(",")], message)


def test_a_column_of_lists_holds_as_many_of_the_best_as_the_template(tmp_path: Path) -> None:
    labels = ["a", "b", "c", "d", "e", "f", "g"]
    folder = _run(tmp_path, [(0.3, 0.25, 0.15, 0.1, 0.1, 0.06, 0.04), (0.04, 0.06, 0.1, 0.1, 0.15, 0.25, 0.3)], labels)
    lines, told = _fill_and_tell(folder, ["Image,Id", "2,a b c d e", "1,a b c d e"])
    assert lines == ["Image,Id", "2,g f e c d", "1,a b c d e"]
    assert told.holds == "the best 5 labels"
    assert _fill(folder, ["Image,Id", "2,a b c d e f", "1,a b c d e f"])[1:] == ["2,g f e c d b", "1,a b c d e f"]
    assert _fill(folder, ["Image,Id", "2,0 1 2", "1,0 1 3"])[1:] == ["2,6 5 4", "1,0 1 2"]


def test_lists_of_differing_length_ask_for_a_threshold(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, _B, (*_BOTH, 0.0)], _LEAVES)
    lines = ["image,tags", "1,ash oak", "2,oak", "3,ash"]
    _refused(folder, lines, "received 1, 2. Say with `threshold`")
    assert _fill(folder, lines, threshold=0.25)[1:] == ["1,ash beech", "2,oak beech", "3,ash beech"]
    written, told = _fill_and_tell(folder, lines, threshold=0.6)
    assert written[1:] == ["1,ash", "2,oak", "3,"]
    assert told.num_empty == 1
    assert told.holds == "all labels of a probability of at least 0.6"


def test_a_threshold_makes_a_list_of_single_words_and_holds_for_what_float32_rounds(tmp_path: Path) -> None:
    folder = _run(tmp_path, [(0.1, 0.9, 0.9)], _LEAVES, outputs="multi-label")
    assert _fill(folder, ["image,tags", "1,ash"], threshold=0.9)[1:] == ["1,beech oak"]
    assert _fill(folder, ["image,tags", "1,0"], threshold=0.9, values=Values.INDEX)[1:] == ["1,1 2"]


@pytest.mark.parametrize(
    ("given", "wishes"), [("ash", {}), ("ash", {"values": Values.LABEL}), ("2.0", {}), ("0", {"values": Values.INDEX})]
)
def test_a_threshold_makes_no_list_of_labels_that_exclude_one_another_where_a_row_has_one(
    tmp_path: Path, given: str, wishes: dict[str, Any]
) -> None:
    folder = _run(tmp_path, [_A, _B], _LEAVES)
    lines = ["id,l", f"1,{given}", f"2,{given}"]
    _refused(folder, lines, "no `threshold`.*exclude one another.*write two labels into a row", threshold=0.2, **wishes)
    is_index = given != "ash"
    several = "1 0" if is_index else "ash oak"
    written = _fill(folder, [*lines[:2], f"2,{several}"], threshold=0.2, **wishes)[1:]
    assert written == (["1,0 1", "2,2 1"] if is_index else ["1,ash beech", "2,oak beech"])


@pytest.mark.parametrize(
    ("labels", "given", "values"),
    [
        (("0.0", "1.0", "2.0"), "1.0", None),
        (_LEAVES, "00", None),
        (_LEAVES, "ash", Values.INDEX),
        (_LEAVES, "0", Values.LABEL),
    ],
)
def test_one_label_or_index_a_row_is_one_however_it_is_spelled_and_whatever_is_asked_for(
    tmp_path: Path, labels: Sequence[str], given: str, values: Values | None
) -> None:
    lines = ["id,l", f"1,{given}"]
    _refused(_run(tmp_path, [_A], labels), lines, "no `threshold`.*exclude one", threshold=0.2, values=values)


_PLANTS = ("Fat_Hen", "Maize", "sugar_beet")


@pytest.mark.parametrize("held", ["Sugar", "your answer here", "Class A", "Type 1", "No Plant", "?"])
def test_words_that_only_hold_a_place_count_no_labels(tmp_path: Path, held: str) -> None:
    folder = _run(tmp_path, [_A, _B], _PLANTS)
    lines = ["file,species", f"1,{held}", f"2,{held}"]
    _refused(folder, lines, f"labels of the run, which are Fat_Hen, Maize, sugar_beet; {re.escape(repr(held))} is none")
    assert _fill(folder, lines, values=Values.LABEL)[1:] == ["1,Fat_Hen", "2,sugar_beet"]
    assert _fill(folder, lines, values=Values.INDEX)[1:] == ["1,0", "2,2"]
    assert _fill(folder, [*lines[:2], "2,Maize"], values=Values.LABEL)[1:] == ["1,Fat_Hen", "2,sugar_beet"]
    assert _fill(folder, lines, values=Values.LABEL, threshold=0.25)[1:] == ["1,Fat_Hen Maize", "2,sugar_beet Maize"]


@pytest.mark.parametrize(
    "given",
    ["w_23 w_0 w_9", "new_whale w_1 w_2", "37c7aba965a5 b9907151f66e 0c", "36363 53586 7", "Great_Dane a_b c_d"],
)
def test_foreign_ids_of_a_list_tell_how_many_are_wanted_where_labels_are_asked_for(tmp_path: Path, given: str) -> None:
    folder = _run(tmp_path, [(0.1, 0.2, 0.3, 0.4)], ("w_a", "w_b", "new_whale", "w_c"))
    lines = ["image,predictions", f"1,{given}"]
    _refused(folder, lines, "Expected")
    assert _fill(folder, lines, values=Values.LABEL)[1:] == ["1,w_c new_whale w_b"]


@pytest.mark.parametrize(
    ("given", "word"),
    [("Maize plant", "plant"), ("Maize or Fat_Hen", "or"), ("a|b", "a|b"), ("['a', 'b']", "['a', 'b']")],
)
def test_words_that_do_not_tell_one_label_from_several_are_refused_with_what_would(
    tmp_path: Path, given: str, word: str
) -> None:
    folder = _run(tmp_path, [_A], _PLANTS)
    for values in (None, Values.LABEL, Values.INDEX):
        lines = ["file,species", f'1,"{given}"']
        _refused(folder, lines, re.escape(f"{word!r} is none") + ".*Write labels of the run there", values=values)


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ("8815 0.1", ("1", "7", "8815")),
        ("8815 0.1", _PLANTS),
        ("Maize 0.9", _PLANTS),
        ("0.9 Maize", _PLANTS),
        ("Maize;0.9", _PLANTS),
        ("0.5 0 0 100 100", ("0", "1", "2")),
        ("14 1 0 0 1 1", tuple(map(str, range(15)))),
        ("none 1 0 0 1 1", _PLANTS),
        ("none 1 0 0 1 1", ("none", "0", "1")),
        ("Maize 1", _PLANTS),
        ("8815 1.0", ("1", "7", "8815")),
        ("8815 1.0", ("3", "7", "8815")),
        ("1.0 8815", ("1", "7", "8815")),
        ("9999 1.0", ("3", "7", "8815")),
        ("2 0.0", ("0", "1", "2")),
        ("2 1.0", _PLANTS),
        ("none 1.0", ("none", "0", "1")),
        ("-1 1", _PLANTS),
    ],
)
def test_a_confidence_or_a_box_beside_a_label_is_no_list_of_labels(
    tmp_path: Path, given: str, labels: Sequence[str]
) -> None:
    folder = _run(tmp_path, [[1 / len(labels)] * len(labels)], labels)
    lines = ["id,landmarks", f"1,{given}"]
    for wishes in ({}, {"values": Values.LABEL}, {"values": Values.INDEX}, {"threshold": 0.5}):
        _refused(folder, lines, f"received '{given}', whose numbers.*confidence or a box.*`probability`", **wishes)


@pytest.mark.parametrize("labels", [("1", "7", "8815"), ("3", "7", "8815")])
def test_a_label_beside_the_same_whole_number_in_all_rows_may_have_a_confidence(
    tmp_path: Path, labels: Sequence[str]
) -> None:
    folder, is_label = _run(tmp_path, [_A, _B], labels), "1" in labels
    lines = ["id,landmarks", "1,8815 1", "2,7 1"]
    asked = "'8815 1' may be two labels, or one with its confidence.*Say with `values` label or index"
    measured = "received '8815 1', whose numbers.*confidence or a box"
    _refused(folder, lines, asked if is_label else measured)
    if is_label:
        assert _fill(folder, lines, values=Values.LABEL)[1:] == ["1,1 7", "2,8815 7"]
    else:
        _refused(folder, lines, measured, values=Values.LABEL)


@pytest.mark.parametrize(
    ("labels", "given"),
    [
        (("8815", "0", "1"), ("8815 1", "8815 0")),
        (_LEAVES, ("2 1", "2 0")),
        (_LEAVES, ("1 1", "2 1")),
        (_LEAVES, ("2 1", "2 1")),
        (_LEAVES, ("2|0", "2|0")),
    ],
)
def test_a_number_beside_noughts_and_ones_may_have_a_confidence_and_is_filled_as_is_said(
    tmp_path: Path, labels: Sequence[str], given: Sequence[str]
) -> None:
    folder = _run(tmp_path, [_A, _B], labels)
    lines = ["id,l", *(f"{number},{value}" for number, value in enumerate(given, 1))]
    _refused(folder, lines, f"'{re.escape(given[0])}' may be two labels, or one with its confidence.*label or index")
    mark = "|" if "|" in given[0] else " "
    written = [mark.join(labels[index] for index in best) for best in ((0, 1), (2, 1))]
    assert _fill(folder, lines, values=Values.LABEL)[1:] == [f"1,{written[0]}", f"2,{written[1]}"]


@pytest.mark.parametrize("labels", [("7", "137790", "8815"), ("3", "7", "2")])
def test_a_label_beside_noughts_and_ones_that_are_no_labels_has_a_confidence(
    tmp_path: Path, labels: Sequence[str]
) -> None:
    folder = _run(tmp_path, [_A, _B], labels)
    for values in (None, Values.LABEL):
        lines = ["id,l", f"1,{labels[2]} 1", f"2,{labels[0]} 0"]
        _refused(folder, lines, "whose numbers.*confidence or a box", values=values)


@pytest.mark.parametrize(
    "given", [("2 1", "1 0"), ("0 1", "2 1"), ("1 0", "0 1"), ("1 2", "0 2"), ("2.0 1.0", "1.0 2.0")]
)
def test_two_labels_that_are_numbers_are_a_list(tmp_path: Path, given: Sequence[str]) -> None:
    folder = _run(tmp_path, [_A, _B], ("0", "1", "2"))
    lines = ["id,l", f"1,{given[0]}", f"2,{given[1]}"]
    assert _fill(folder, lines)[1:] == _fill(folder, lines, values=Values.INDEX)[1:] == ["1,0 1", "2,2 1"]


@pytest.mark.parametrize("column", ["EncodedPixels", "PredictionString", "rle_mask"])
def test_a_column_of_boxes_or_masks_is_filled_with_no_labels(tmp_path: Path, column: str) -> None:
    folder = _run(tmp_path, [_A], _LEAVES)
    for values in (None, Values.LABEL):
        _refused(folder, [f"ImageId,{column}", "1,0 1"], f"{column!r} is for boxes or masks", values=values)


@pytest.mark.parametrize("mark", ["|", ";", ",", ", ", " | ", " "])
def test_lists_have_the_marks_between_labels_that_the_template_has(tmp_path: Path, mark: str) -> None:
    folder = _run(tmp_path, [_A, _B, None], _PLANTS)
    lines = ["id,l", *(f'{number},"Maize{mark}Fat_Hen"' for number in (1, 2, 3))]
    filled = [f"Fat_Hen{mark}Maize", f"sugar_beet{mark}Maize", f"Maize{mark}Fat_Hen"]
    for wishes in ({}, {"values": Values.LABEL}, {"threshold": 0.25}):
        written, told = _fill_and_tell(folder, lines, 0.5, **wishes)
        assert [row[1] for row in csv.reader(written[1:])] == filled
        assert (f"labels with {mark.strip()!r} between them" in told.holds) == (mark != " ")
    numbers = [line.replace("Maize", "1").replace("Fat_Hen", "0") for line in lines]
    filled = [f"0{mark}1", f"2{mark}1", f"1{mark}0"]
    written = _fill(folder, numbers, 0.5, values=Values.INDEX, threshold=0.25)  # 1,0 alone may be a decimal
    assert [row[1] for row in csv.reader(written[1:])] == filled


def test_lists_of_labels_with_blanks_are_parted_by_another_mark(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A], ("fat hen", "maize", "sugar beet, red"))
    _refused(folder, ["id,l", '1,"fat hen,maize"'], "labels without commas.*'sugar beet, red'", threshold=0.5)
    assert _fill(folder, ["id,l", "1,fat hen|maize"])[1:] == ["1,fat hen|maize"]
    assert _fill(folder, ["id,l", "1,fat hen"])[1:] == ["1,fat hen"]


def test_lists_with_two_marks_are_refused(tmp_path: Path) -> None:
    lines = ["id,l", "1,Maize|Fat_Hen", "2,Maize Fat_Hen"]
    _refused(_run(tmp_path, [_A, _B], _PLANTS), lines, "one mark between the labels.*received ' ', '|'")


def test_halves_with_a_comma_are_no_list_of_two_labels(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, _B], ("0", "1", "5"))
    _refused(folder, ["id;l", "1;0,5", "2;0,5"], "'0,5' is none.*`values`")
    assert _fill(folder, ["id;l", "1;0,5", "2;0,5"], values=Values.LABEL)[1:] == ["1;0", "2;5"]


@pytest.mark.parametrize("values", [Values.LABEL, Values.INDEX])
@pytest.mark.parametrize(
    ("parts_columns", "told", "filled"),
    [
        (",", "'0,1' may be a number, or two labels.*`values`", ["0,1", "2,1"]),
        (";", "'0,1' is none.*`values`", ["0", "2"]),
    ],
)
def test_whole_numbers_with_a_comma_are_two_labels_where_they_can_be_no_halves(
    tmp_path: Path, values: Values, parts_columns: str, told: str, filled: Sequence[str]
) -> None:
    folder = _run(tmp_path, [_A, _B], ("0", "1", "2"))

    def fill(*given: str, **wishes: Any) -> list[str]:
        rows = [("id", "l"), ("1", f'"{given[0]}"'), ("2", f'"{given[1]}"')]
        lines = _fill(folder, [parts_columns.join(row) for row in rows], **wishes)
        return [row[1] for row in csv.reader(lines[1:], delimiter=parts_columns)]

    assert fill("0,1", "2,1") == fill("0,1", "2,1", values=values) == ["0,1", "2,1"]
    with pytest.raises(RequestError, match=told):
        fill("0,1", "0,2")
    assert fill("0,1", "0,2", values=values) == filled


def test_numbers_with_a_comma_hold_the_place_of_a_probability_that_is_asked_for(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A[:2]], ("0", "1"))
    _refused(folder, ["id,l", '1,"7,5"'], "'7,5' is none, and it does not tell", values=Values.LABEL)
    for value in ("0,1", "1,1", "7,5"):
        lines = _fill(folder, ["id,l", f'1,"{value}"'], values=Values.PROBABILITY, positive="0")
        assert lines[1:] == ["1,0.625"]


@pytest.mark.parametrize(
    ("labels", "given", "told"),
    [
        (("Type 1", "Type 2", "Type 3"), "Type 1 Type 2", "without spaces.*'Type 1'"),
        (("Type 1", "Type 2", "Type 3"), "type 1  type 3 type 2", "without spaces.*'Type 1'"),
        (("1 star", "2 stars", "3 stars"), "1 star 2 stars", "without spaces.*'1 star'"),
        (("great dane", "chow chow", "pug"), "pug great dane chow chow", "without spaces.*'great dane'"),
        (("BMW M3 2012", "Audi A4 2010", "Ram 1500"), "Audi A4 2010 Ram 1500", "without spaces.*'BMW M3 2012'"),
        (("(0, 2)", "(4, 6)", "(8, 12)"), "(4, 6),(0, 2)", "without commas.*'\\(0, 2\\)'"),
        (("(0, 2)", "(4, 6)", "(8, 12)"), "(4, 6) (0, 2)", "without spaces.*'\\(0, 2\\)'"),
        (("cat, red", "red", "cat, red, old"), "red, cat, red, old, cat, red", "without commas.*'cat, red'"),
        (("cat|red", "dog|red", "red"), "cat|red|dog|red", "without bars.*'cat|red'"),
        (("cat", "dog", "fox"), "cat/dog", "'cat/dog' is none, and it does not tell"),
        (("cat", "dog", "fox"), "[cat dog]", "'\\[cat dog\\]' is none, and it does not tell"),
    ],
)
def test_labels_side_by_side_are_several_also_where_nothing_tells_where_one_ends(
    tmp_path: Path, labels: Sequence[str], given: str, told: str
) -> None:
    folder = _run(tmp_path, [_A, _B], labels)
    lines = ["id,l", f'1,"{given}"', f'2,"{given}"']
    _refused(folder, lines, told, values=Values.LABEL)
    with pytest.raises(RequestError, match="|".join((told, "The run spells it 'Type 1'"))):
        _fill(folder, lines)


@pytest.mark.parametrize(
    ("given", "mark"), [("(4, 6),(0, 2)", ","), ("(4, 6) , (0, 2)", " , "), ("(0, 2) (4, 6)", " ")]
)
def test_what_stands_between_labels_that_have_the_same_mark_within_parts_indices(
    tmp_path: Path, given: str, mark: str
) -> None:
    folder = _run(tmp_path, [_A, _B], ("(0, 2)", "(4, 6)", "(8, 12)"))
    lines = ["id,l", f'1,"{given}"', f'2,"{given}"']
    written = csv.reader(_fill(folder, lines, values=Values.INDEX)[1:])
    assert [row[1] for row in written] == [f"0{mark}1", f"2{mark}1"]


def test_words_of_labels_that_do_not_make_up_labels_hold_a_place(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, _B], ("great dane", "chow chow", "pug"))
    for given in ("great chow", "dane great dane", "great dane or so"):
        assert _fill(folder, ["id,l", f"1,{given}"], values=Values.INDEX)[1:] == ["1,0"]


@pytest.mark.parametrize(
    ("label", "given"),
    [("The Eiffel Tower", "The_Eiffel_Tower beech oak"), ("Healthy", "healthy"), ("Fat-Hen", "Fat Hen")],
)
def test_a_label_that_the_template_spells_otherwise_is_named(tmp_path: Path, label: str, given: str) -> None:
    folder = _run(tmp_path, [_A], (label, "beech", "oak"))
    message = "is none. The run spells it " + repr(label) + ": score with labels spelled as the competition spells them"
    _refused(folder, ["id,l", f"1,{given}"], re.escape(message) + r"\.$")
    if "beech" in given:
        message = "one is 'The Eiffel Tower'.*such as The_Eiffel_Tower, which the template has"
        _refused(folder, ["id,l", f"1,{given}"], message, values=Values.LABEL)


_NEAR = [
    (("Haze", "Clear", "Road"), "clear", "clear", "Clear"),
    (("Haze", "Clear", "Road"), "haze clear", "haze", "Haze"),
    (("Haze", "Clear", "Road"), "Haze|road", "road", "Road"),
    (("horses", "cats", "dogs"), "cat", "cat", "cats"),
    (("horses", "cats", "dogs"), "cat horse", "cat", "cats"),
    (("fat_hen", "maize", "sugar_beet"), "Sugar beet", "Sugar beet", "sugar_beet"),
    (("the_eiffel_tower", "b", "c"), "The_Eiffel_Tower", "The_Eiffel_Tower", "the_eiffel_tower"),
    (("00", "01", "02"), "2", "2", "02"),
    (("00", "01", "02"), "2 0 1", "2", "02"),
    (("7", "3", "5"), "03", "03", "3"),
    (("1.0", "2.0", "3.0"), "2", "2", "2.0"),
    (("Type_01", "Type_02", "Type_10"), "Type 2", "Type 2", "Type_02"),
    (("HER2-", "HER2", "other"), "her2-", "her2-", "HER2-"),
    (("new", "news", "old"), "News", "News", "news"),
    (("A", "AS", "B"), "as", "as", "AS"),
]


@pytest.mark.parametrize(("labels", "given", "value", "label"), _NEAR)
def test_labels_that_the_template_spells_otherwise_are_not_written_as_the_run_spells_them(
    tmp_path: Path, labels: Sequence[str], given: str, value: str, label: str
) -> None:
    message = re.escape(f"it has {value!r}, where the run has {label!r}: score with labels spelled as the competition")
    for number, outputs in enumerate((None, "multi-label")):
        folder = _run(tmp_path / str(number), [_A, _B], labels, outputs=outputs)
        lines = ["id,l", f"1,{given}", "2,"]
        for wishes in ({}, {"threshold": 0.25}):
            _refused(folder, lines, message, values=Values.LABEL, **wishes)
        written = _fill(folder, [line.replace(given, label) for line in lines], values=Values.LABEL)
        assert [row.split(",")[1] for row in written[1:]] == [labels[0], labels[2]]


@pytest.mark.parametrize(("given", "written"), [("2", "2"), ("02", None)])
@pytest.mark.parametrize("labels", [("000", "001", "002"), ("0.0", "1.0", "2.0")])
def test_where_labels_are_their_indices_the_index_is_advised_if_it_is_spelled_as_the_template_spells(
    tmp_path: Path, labels: Sequence[str], given: str, written: str | None
) -> None:
    folder, lines = _run(tmp_path, [_B], labels), ["id,l", f"1,{given}"]
    advice = rf", or say `values` index for numbers such as {given}" if written else ""
    for values in (None, Values.LABEL):
        _refused(folder, lines, f"spelled as the competition spells them{advice}[.;]", values=values)
    if written:
        assert _fill(folder, lines, values=Values.INDEX)[1:] == [f"1,{written}"]


@pytest.mark.parametrize("place", [0, 3, 7, 11, 12, 13, 14])
def test_a_label_is_named_that_the_template_may_mean_by_case_plural_or_number(tmp_path: Path, place: int) -> None:
    labels, given, value, label = _NEAR[place]
    folder = _run(tmp_path, [_A, _B], labels)
    index = "them, or say `values` index for numbers such as 2" if labels[0] == "00" else "them"
    told = f"{value!r} is none. The run spells it {label!r}: score with labels spelled as the competition spells "
    _refused(folder, ["id,l", f"1,{given}"], re.escape(told + index) + r"\.$")
    _refused(folder, ["id,l", "1,fir", f"2,{given}"], f"{value!r} is none. The run spells it {label!r}")


def test_of_labels_that_differ_by_plural_the_nearer_is_named_also_where_the_template_has_the_other(
    tmp_path: Path,
) -> None:
    folder = _run(tmp_path, [_A, _B], ("New", "News", "Old"))
    lines = ["id,l", "1,New", "2,news"]
    _refused(folder, lines, "'news' is none. The run spells it 'News'")
    _refused(folder, lines, "it has 'news', where the run has 'News'", values=Values.LABEL)
    _refused(folder, ["id,l", "1,New", "2,new"], "'new' is none. The run spells it 'New'")


@pytest.mark.parametrize(
    ("labels", "given"),
    [
        (("0", "1", "2"), "-1"),
        (("cat", "dog", "fox"), "Cat,cat"),
        (("cat", "cats", "fox"), "cats"),
        (("HER2-", "HER2+", "other"), "HER2"),
        (("a", "b", "c"), "s"),
        (("w_0a1", "w_01a", "w_1"), "w_00a1"),
    ],
)
def test_words_that_are_like_no_label_or_beside_it_hold_a_place(
    tmp_path: Path, labels: Sequence[str], given: str
) -> None:
    rows = [f"{number},{value}" for number, value in enumerate(given.split(","), 1)]
    written = _fill(_run(tmp_path, [_A, _B], labels), ["id,l", *rows], values=Values.LABEL)[1:]
    assert written == [f"1,{labels[0]}", f"2,{labels[2]}"][: len(rows)]


@pytest.mark.parametrize("value", ["ash", "ash oak", "oak oak oak", "0", "1 2", "2", "", "x"])
def test_how_many_labels_a_template_has_does_not_tell_how_many_are_true_of_an_image(tmp_path: Path, value: str) -> None:
    folder = _run(tmp_path, [(0.9, 0.2, 0.7), (0.1, 0.2, 0.3)], _LEAVES, outputs="multi-label")
    lines = ["image,tags", f"1,{value}", f"2,{value}"]
    told = re.escape(value) or "blank values"
    as_one = "; if one label's .*`positive`" if value in ("0", "2", "") else r"\.$"
    _refused(folder, lines, f"Expected `threshold`.*labels may be true.*`template` has {told}, which.*or index{as_one}")
    assert _fill(folder, lines, threshold=0.5, values=Values.LABEL)[1:] == ["1,ash oak", "2,"]
    assert _fill(folder, lines, values=Values.INDEX)[1] == f"1,{' '.join('021'[: len(value.split()) or 1])}"


def test_probabilities_of_labels_that_stand_by_themselves_need_no_threshold(tmp_path: Path) -> None:
    folder = _run(tmp_path, [(0.875, 0.25, 0.75)], _LEAVES, outputs="multi-label")
    assert _fill(folder, ["id,ash,beech,oak", "1,0,0,0"])[1] == "1,0.875,0.25,0.75"
    for value in ("0", "0.5"):
        assert _fill(folder, ["id,is_oak", f"1,{value}"], positive="oak")[1:] == ["1,0.75"]
    assert _fill(folder, ["id,is_oak", "1,0.5"])[1:] == ["1,0.75"]


def test_a_list_of_labels_with_spaces_is_refused(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_CAT], ("great dane", "pug"))
    _refused(folder, ["image,tags", "1,pug"], "without spaces.*'great dane'", threshold=0.5)


@pytest.mark.parametrize(
    ("lines", "wishes", "message"),
    [
        (["id,label", "1,ash"], {"positive": "ash"}, "no `positive`.*the label of"),
        (["id,label", "1,ash"], {"clip": 0.1}, "no `clip`"),
        (["id,label", "1,ash oak"], {"positive": "ash"}, "no `positive`.*lists"),
        (["id,label", "1,0.5"], {"threshold": 0.5}, "class indices with spaces.*'0.5'.*is wanted: label or index"),
        (["id,label", "1,"], {"threshold": 0.5}, "values are blank.*which that is: label or index"),
        (["id,label", "1,?"], {"threshold": 0.5}, "'[?]' is none.*is wanted: label or index"),
        (["id,ash,beech,oak", "1,0,0,0"], {"threshold": 0.5}, "no `threshold`.*3 columns"),
        (["id,ash,beech,oak", "1,0,0,0"], {"values": Values.INDEX}, "no `values`"),
        (["id,label", "1,ash oak"], {"threshold": 1.5}, "Expected `threshold` from 0 to 1"),
        (["id,label", "1,ash beech oak fir"], {}, "'fir' is none"),
        (["id,label", "1,ash ash ash ash"], {}, "at most 3 labels"),
        (["id,label", "1,0.5"], {"clip": 0.5}, "Expected `clip`"),
    ],
)
def test_wishes_without_meaning_are_refused(
    tmp_path: Path, lines: list[str], wishes: dict[str, Any], message: str
) -> None:
    _refused(_run(tmp_path, [_A], _LEAVES), lines, message, **wishes)


def test_unreadable_images_that_the_template_asks_for_are_refused_without_a_fallback(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, None, _B], _LEAVES)
    for lines in (["id,label", "1,0.5", "2,0.5"], ["id,label", "1,oak", "2,oak"]):
        with pytest.raises(IncompleteError, match="1 image could not be read: 2"):
            _fill(folder, lines, positive="oak" if "0.5" in lines[1] else None)
    assert not folder.submission.exists()
    lines, told = _fill_and_tell(folder, ["id,label", "1,0.5", "2,0.5"], 0.25, positive="oak")
    assert (lines[1:], told.num_fallbacks, told.num_unasked) == (["1,0.125", "2,0.25"], 1, 1)
    assert _fill(folder, ["id,label", "2,oak", "1,oak"], 0.25)[1:] == ["2,oak", "1,ash"]
    assert _fill(folder, ["id,label", "3,oak", "1,oak"])[1:] == ["3,oak", "1,ash"]


@pytest.mark.parametrize(
    ("given", "wishes"),
    [
        ("0.5", {"values": Values.INDEX}),
        ("3", {"values": Values.INDEX}),
        ("1" * 5000, {"values": Values.INDEX}),
        ("\u0661", {"values": Values.INDEX}),
        ("0", {"values": Values.LABEL}),
        ("", {"values": Values.LABEL}),
        ("0.5", {"values": Values.LABEL, "threshold": 0.1}),
    ],
)
def test_what_holds_the_place_of_an_unreadable_image_is_no_answer(
    tmp_path: Path, given: str, wishes: dict[str, Any]
) -> None:
    folder = _run(tmp_path, [_A, None], _LEAVES, outputs="multi-label" if "threshold" in wishes else None)
    with pytest.raises(IncompleteError, match=f"for 2, which could not be read; it has '{given}', and .* is filled in"):
        _fill(folder, ["id,label", f"1,{given}", f"2,{given}"], 0.5, **wishes)
    assert not folder.submission.exists()
    is_index = wishes.get("values") is Values.INDEX
    known = "1" if is_index else "oak"
    assert _fill(folder, ["id,label", f"1,{known}", f"2,{known}"], 0.5, **wishes)[2] == f"2,{known}"


@pytest.mark.parametrize("given", ["2", "2.0", "002"])
@pytest.mark.parametrize("others", ["", " 0.0"])
def test_the_index_of_an_unreadable_image_is_written_as_all_others_are(tmp_path: Path, given: str, others: str) -> None:
    folder = _run(tmp_path, [_A, None], _LEAVES)
    lines = ["id,label", f"1,1.0{others}", f"2,{given}{others}"]
    others = others.removesuffix(".0")
    assert _fill(folder, lines, 0.5, values=Values.INDEX)[2] == f"2,2{others}"


def test_a_run_of_features_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    write_features(folder, [Scored("1.jpg", _CAT)])
    _refused(folder, ["id,label", "1,0.5"], "Expected a run with labels; this one holds features")


def test_labels_of_one_name_are_refused_where_they_must_be_told_apart(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A], ("crane", "crane", "oak"))
    for lines in (["id,crane,oak", "1,0,0"], ["id,bird", "1,crane oak"]):
        _refused(folder, lines, "two of them are crane")
    assert _fill(folder, ["id,bird", "1,oak"])[1:] == ["1,crane"]


@pytest.mark.parametrize("one", ["1.jpg", "test/1.jpg", "1", "001"])
def test_a_template_without_names_of_columns_is_refused(tmp_path: Path, one: str) -> None:
    folder = _run(tmp_path, [_A, _B, _C], _LEAVES)
    lines = [f"{one},ash", f"{one.replace('1', '2')},ash", f"{one.replace('1', '3')},ash"]
    _refused(folder, lines, f"begins with the id of an image, {re.escape(one)}\\. Put a line such as id,label above it")
    assert len(_fill(folder, ["id,species", *lines])) == 4


def test_a_column_of_ids_may_be_called_as_one_of_them_or_as_an_image_that_is_read_otherwise(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_A, _B], _LEAVES, ["image.jpg", "2.jpg"])
    assert _fill(folder, ["image,species", "image,ash", "2,ash"])[1:] == ["image,ash", "2,oak"]
    assert _fill(folder, ["image,species", "2.jpg,ash"])[1:] == ["2.jpg,oak"]
    assert _fill(folder, ["image,species", "2,ash"])[1:] == ["2,oak"]


def test_ids_that_begin_above_the_images_of_the_run_are_read(tmp_path: Path) -> None:
    images = [Scored("stg1/1.jpg", _CAT), Scored("stg2/2.jpg", _DOG)]
    folder = write_run(tmp_path / "run", images, location=tmp_path / "test")
    lines = ["id,label", "test/stg2/2.jpg,0.5", "test/stg1/1.jpg,0.5"]
    assert _fill(folder, lines)[1:] == ["test/stg2/2.jpg,0.875", "test/stg1/1.jpg,0.25"]


def test_numbers_of_a_tables_rows_are_no_ids(tmp_path: Path) -> None:
    images = [Scored("0", _CAT), Scored("1", _DOG)]
    for column, name in ((None, "numbers"), ("id", "ids")):
        folder = write_run(tmp_path / name / "run", images, columns=TableColumns(content="image", image_id=column))
        if column is None:
            _refused(folder, ["id,label", "1,0.5"], "Expected a run with `id_column`.* numbers, which say nothing")
        else:
            assert _fill(folder, ["id,label", "1,0.5"])[1:] == ["1,0.875"]


def test_a_template_in_a_zip_is_read_in_place(tmp_path: Path) -> None:
    folder = _run(tmp_path, [_CAT], _PETS)
    bundle = tmp_path / "bundle.zip"
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("sample_submission.csv", "\ufeffid,label\r\n1,0.5\r\n")
    fill_template(folder, TemplateRequest(bundle / "sample_submission.csv", Wishes()), folder.submission)
    assert on_disk(folder.submission).read_bytes() == b"id,label\n1,0.25\n"
    with pytest.raises(RequestError, match=r"other\.csv in .*bundle\.zip"):
        fill_template(folder, TemplateRequest(bundle / "other.csv", Wishes()), folder.submission)
