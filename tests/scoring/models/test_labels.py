import io
import json
import pickle
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.labels import check_label_count, class_names_text, parse_class_names, read_class_names
from scoring.networks.imagenet import load_class_names
from scoring.storage.locations import Url


def _file(folder: Path, content: Any, name: str = "labels.json") -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_names_parted_by_commas_are_labels() -> None:
    assert read_class_names("cat, dog") == ("cat", "dog")
    assert read_class_names("dog") == ("dog",)
    many = ",".join(f"class number {index}" for index in range(1000))  # longer than any path may be
    assert len(read_class_names(many)) == 1000


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ('"cat","dog"', ("cat", "dog")),
        ('"tabby, tabby cat", dog', ("tabby, tabby cat", "dog")),
        ('"tabby, tabby cat" ,\t"dog"', ("tabby, tabby cat", "dog")),
        ('"the ""cat""",dog', ('the "cat"', "dog")),
        ('12" record,7" record', ('12" record', '7" record')),
        ('"cat,dog', ('"cat', "dog")),
        ('["cat", "dog"]', ("cat", "dog")),
        ('["cat/lynx"]', ("cat/lynx",)),
        ("[a],[b]", ("[a]", "[b]")),
        ('{"cat": 1, "dog": 0}', ("dog", "cat")),
    ],
)
def test_quotes_are_those_of_csv_or_json(given: str, names: tuple[str, ...]) -> None:
    assert read_class_names(given) == names


@pytest.mark.parametrize(
    "given",
    [
        "s3://photos/cat,dog,fox.txt",
        "s3a://photos/cat,dog/labels",
        "data/cat,dog.txt",
        "/data/pets, 2 kinds/labels.JSON",
        "/data/pets, 2 kinds/labels",
        "../pets, 2 kinds/labels",
        "~/cat,dog/labels",
    ],
)
def test_a_file_that_is_not_there_is_no_list_of_names_though_its_path_has_commas(given: str, request: Any) -> None:
    if "://" in given:
        request.getfixturevalue("bucket")
        given = given.replace("photos", request.getfixturevalue("bucket").bucket)
    with pytest.raises(ModelError, match="there is no file"):
        read_class_names(given)


@pytest.mark.parametrize(
    "given",
    [
        *("/m/01yrx,/m/0bt9lr", "cat/lynx,dog", "cat,dog/wolf", "cat,n/a", "./cat,./dog"),
        *("main.py,data.json", "README.txt,LICENSE.txt", "readme,license.txt", "src/main.py,data.json"),
    ],
)
def test_names_may_have_slashes_and_suffixes(given: str) -> None:
    assert read_class_names(given) == tuple(given.split(","))


@pytest.mark.parametrize("given", ["['cat', 'dog']", '["cat", "dog"', "{'cat': 0}", "{0: 'cat'}"])
def test_what_is_almost_json_is_refused_or_would_be_names_with_marks(given: str) -> None:
    with pytest.raises(ModelError, match="is no whole JSON"):
        read_class_names(given if given.endswith(("]", "}")) else f"{given}, ']")


@pytest.mark.parametrize(
    "lines",
    [
        '"cat"\n"dog, small"\n',
        '"cat",0\n"dog, small",1\n',
        '"cat" ,0\n"dog, small"\t,1\n',
        '0,"cat"\n1,"dog, small"\n',
        '0,\t"cat"\n1, "dog, small" \n',
    ],
)
def test_quotes_of_csv_in_a_file_are_no_part_of_names(tmp_path: Path, lines: str) -> None:
    assert read_class_names(_file(tmp_path, lines, "labels.csv")) == ("cat", "dog, small")


@pytest.mark.parametrize(
    "content",
    [
        "cat\ndog\n",
        "\ufeffcat\r\n dog \r\n\r\n",
        ["cat", "dog"],
        {"0": "cat", "1": "dog"},
        {"1": "dog", "0": "cat"},
        {"cat": 0, "dog": 1},
        {"dog": 1, "cat": 0},
        {"0": ["n02123045", "cat"], "1": ["n02085620", "dog"]},
        {"0": ["cat"], "1": ["dog"]},
        {"architectures": ["ViT"], "id2label": {"1": "dog", "0": "cat"}, "label2id": {"cat": 0, "dog": 1}, "rate": 0.1},
        {"class_names": ["cat", "dog"]},
        {"tfjsVersion": "1.3.1", "labels": ["cat", "dog"], "userMetadata": {}, "imageSize": 224},  # Teachable Machine
        {"label_map": {"dog": 1, "cat": 0}},
        {"nc": 2, "names": {"1": "dog", "0": "cat"}, "classes": ["cat", "dog"]},
        {"labels": [{"id": 1, "name": "dog"}, {"id": 0, "name": "cat"}]},
        [{"id": 1, "name": "dog", "supercategory": "animal"}, {"id": 0, "name": "cat", "supercategory": "animal"}],
    ],
)
def test_every_shape_of_file_gives_the_names_in_class_order(tmp_path: Path, content: Any) -> None:
    assert read_class_names(_file(tmp_path, content)) == ("cat", "dog")


def test_classes_may_be_called_as_what_holds_them(tmp_path: Path) -> None:
    assert read_class_names(_file(tmp_path, {"labels": 1, "names": 0})) == ("names", "labels")
    assert read_class_names(_file(tmp_path, "names\nlabels: a\nnote: [x]\n")) == ("names", "labels: a", "note: [x]")
    assert read_class_names('[{"id": 1, "name": "dog"}, {"id": 0, "name": "cat"}]') == ("cat", "dog")


def test_ten_classes_and_more_are_ordered_as_numbers(tmp_path: Path) -> None:
    names = tuple(f"class-{index}" for index in range(12))
    by_index = {str(index): names[index] for index in sorted(range(12), key=str)}
    assert read_class_names(_file(tmp_path, by_index)) == names


def test_names_that_are_digits_are_told_from_indices_by_the_values(tmp_path: Path) -> None:
    """Keras' `class_indices` of folders named 0 to 2, in the order of their names or not."""
    assert read_class_names(_file(tmp_path, {"0": 2, "1": 1, "2": 0})) == ("2", "1", "0")
    assert read_class_names(_file(tmp_path, {"0": "2", "1": "1", "2": "0"})) == ("2", "1", "0")


def test_imagenet_class_index_gives_what_keras_calls_the_classes(data_folder: Path) -> None:
    """Two classes are named crane and two maillot: their identities differ."""
    path = data_folder / "imagenet_class_index.json"
    labels = read_class_names(str(path))
    assert labels == load_class_names(path)
    assert labels.count("crane") == 2


def test_labels_are_read_from_a_bucket(bucket: Url) -> None:
    (bucket / "labels.txt").write_bytes(b"cat\ndog")
    assert read_class_names(str(bucket / "labels.txt")) == ("cat", "dog")
    with pytest.raises(ModelError, match=r"there is no file s3://.*gone\.txt"):
        read_class_names(str(bucket / "gone.txt"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "received none"),
        ("cat\n\ndog", "number 2 in .* is blank"),
        ("cat\ndog\ncat", "has cat twice"),
        ("cat,dog", "the only line is cat,dog"),
        ("1 dog\n0 cat", "numbers them otherwise: where 0 is due, '1 dog' stands"),
        ("1: dog\n0: cat", "numbers them otherwise: where 0 is due, '1: dog' stands"),
        ("2 dog\n1 cat", "numbers them otherwise: where 1 is due, '2 dog' stands"),
        ("dog,1\ncat,0", "numbers them otherwise: where 0 is due, 'dog,1' stands"),
        ("dog 1\ncat 0", r"Sort them by their indices, or, .* name them in JSON: {\"0\": \"dog 1\", \.\.\.}"),
        ("dog = 2\ncat = 1", "numbers them otherwise"),
        ("b\t1\nc\t2\na\t0", "numbers them otherwise"),
        ("1. dog\n0. cat", "numbers them otherwise"),
        ("2) dog\n1) cat", "numbers them otherwise"),
        ("1_dog\n0_cat", "numbers them otherwise"),
        ("dog-1\ncat-0", "numbers them otherwise"),
        ("\n".join(sorted(f"{n} class {n % 7}" for n in range(12))), "numbers them otherwise"),
        ("0,cat\n1,cat\n2,dog", "has cat twice"),
        ([], "received none"),
        (["cat", ""], "number 2 in .* is blank"),
        (["cat", 1], "its entry 1 is 1"),
        (["cat", "cat"], "has cat twice"),
        ("[1, 2", "is no whole JSON"),
        pytest.param("[" * 200_000, "is no whole JSON", id="a list in lists without end"),
        pytest.param('{"cat": ' + "1" * 5_000 + "}", "is no whole JSON", id="an index of 5,000 digits"),
        pytest.param({"1" * 5_000: "cat"}, "is no index", id="a key of 5,000 digits"),
        (r'["\ud800", "dog"]', r"to be text; number 1 .* '\\ud800'"),
        ({}, "received none"),
        ({"0": "cat", "2": "dog"}, r"every index from 0 to 1, as there are 2 names; .* has no 1\."),
        ({"1": "cat", "2": "dog"}, r"has no 0\."),
        ({"cat": 0, "dog": 0}, "has 0 twice"),
        ({"0": "cat", "00": "dog"}, "has 0 twice"),
        ('{"0": "cat", "0": "dog"}', 'has "0" twice'),
        ('{"cat": 0, "cat": 1}', 'has "cat" twice'),
        ({"cat": 0, "dog": -1}, r"has no 1\."),
        ({"cat": 1, "dog": 2}, r"has no 0\."),
        ({"cat": "0", "dog": "1"}, 'its key "cat" is no index'),
        ({"cat": True, "dog": False}, 'its key "cat" is no index'),
        ({"id2label": {"0": "cat", "2": "dog"}}, r"has no 1\."),
        ({"id2label": "cat", "label2id": "dog"}, 'its key "id2label" is no index'),
        ({"0": None, "1": "dog"}, "one of its names is null"),
        ({"0": "cat", "1": 1}, "one of its names is 1"),
        ({"0": "cat", "1": " "}, 'one of its names is " "'),
        ({"0": "cat", "1": "cat"}, "has cat twice"),
        ({"cat": 0, "cat ": 1}, "has cat twice"),
        ({" ": 0, "dog": 1}, "number 1 in .* is blank"),
        ({"0": ["n1", "cat"], "1": ["n1", "cat"]}, "has n1/cat twice"),
        ({"0": ["n1", "cat", 1]}, "one of its names is"),
        ({"class_names": ["cat", "cat"]}, "has cat twice"),
        ({"class_names": []}, "received none"),
        ({"labels": [0, 1, 1, 0]}, "its entry 0 is 0"),
        ({"label_map": {"cat": 1, "dog": 2}}, r"has no 0\."),
        ({"classes": ["cat", "dog"], "labels": ["dog", "cat"]}, "two of classes, labels tell others"),
        ([{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}], r"has no 0\."),  # as COCO has them
        ([{"id": 0, "name": "cat"}, {"id": 0, "name": "dog"}], "has 0 twice"),
        ([{"id": 0, "name": "cat"}, "dog"], 'its entry 0 is {"id": 0, "name": "cat"}'),
        ([{"id": True, "name": "cat"}], "its entry 0 is"),
        ([{"id": 0, "name": None}], "its entry 0 is"),
        *(
            (text, "the lines are YAML: write the names alone")
            for text in (
                "names:\n  0: cat\n  1: dog\n",
                "names:\r\n- cat\r\n- dog\r\n",
                "path: pets\ntrain: images/train\n# Classes\n\nnames: # of two\n\n  0: cat\n  1: dog\n",
                "nc: 2\nnames: ['cat', 'dog']\n",
                "nc: 2\nnames: [\n  cat,\n  dog\n]\n",
                "names: {0: cat, 1: dog}\nnc: 2\n",
                "- cat\n- dog\n",
            )
        ),
    ],
)
def test_what_is_no_set_of_names_is_refused_in_one_line(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message) as refused:
        read_class_names(_file(tmp_path, content))
    assert "`labels`" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_names_that_are_long_numbers_are_names(tmp_path: Path) -> None:
    assert read_class_names(_file(tmp_path, "1" * 5_000 + " a\n0 b")) == ("1" * 5_000 + " a", "0 b")


@pytest.mark.parametrize(
    "lines",
    [
        ("0,cat", "1,dog"),
        ("1,cat", "2,dog"),
        ("cat,0", "dog,1"),
        ("cat ; 1", "dog ; 2"),
        ("0: cat", "1: dog"),
        ("cat: 0", "dog: 1"),
        ("00\tcat", "01\tdog"),
    ],
)
def test_indices_in_a_column_are_no_part_of_the_names(tmp_path: Path, lines: tuple[str, str]) -> None:
    assert read_class_names(_file(tmp_path, "\n".join(lines))) == ("cat", "dog")


_TWELVE = sorted(str(number) for number in range(1, 13))  # as Keras orders folders: 1, 10, 11, 12, 2


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("1,0 2,1 3,2", "1 2 3"),
        ("01=0 02=1 03=2", "01 02 03"),
        (" ".join(f"{name},{index}" for index, name in enumerate(_TWELVE)), " ".join(_TWELVE)),
        ("1.0,0 2.0,1 3.0,2", "1.0 2.0 3.0"),
        ("1,0.0 2,1.0 3,2.0", "1 2 3"),
        ("0,3 1,1 2,2", "3 1 2"),
        ("0,10 1,20 2,30", "10 20 30"),
        ("0,0 1,1 2,2", "0 1 2"),
        ("1,2 2,1", "2 1"),  # either way
        ("001.Albatross,0 002.Auklet,1", "001.Albatross 002.Auklet"),
        ("001.Albatross:1 002.Auklet:2", "001.Albatross 002.Auklet"),
        ("10_owl,0 1_fog,1 2_cat,2", "10_owl 1_fog 2_cat"),
        ("1_cat,0 0_dog,1", "1_cat 0_dog"),
        ("0-10,0 11-20,1", "0-10 11-20"),
        ("0,0-10 1,11-20", "0-10 11-20"),
        ("0,class_1 1,class_10 2,class_2", "class_1 class_10 class_2"),
        ("cat,0.0 dog,1.0", "cat dog"),
        ("cat,0 dog,1 owl,2", "cat dog owl"),
        ("cat;0 dog;1 owl;2", "cat dog owl"),
        ("cat\t0 dog\t1 owl\t2", "cat dog owl"),
        ('"cat",0 "dog",1 "owl",2', "cat dog owl"),
        ("1,wing:0 2,wing:1", "wing:0 wing:1"),
    ],
)
def test_indices_in_a_column_are_told_from_names_with_numbers(tmp_path: Path, lines: str, names: str) -> None:
    """The column from 0 on is that of the indices; a number that no mark parts from a name belongs to it."""
    assert read_class_names(_file(tmp_path, lines.replace(" ", "\n"))) == tuple(names.split())


@pytest.mark.parametrize(
    "lines",
    ["index,name 0,cat 1,dog", ",0 0,cat 1,dog", ",0 cat,0 dog,1", "class;id cat;1 dog;2", '"a","b" "cat",0 "dog",1'],
)
def test_a_table_may_have_a_header(tmp_path: Path, lines: str) -> None:
    assert read_class_names(_file(tmp_path, lines.replace(" ", "\n"), "labels.csv")) == ("cat", "dog")


@pytest.mark.parametrize("lines", ["cat,dog owl,1 fox,3", "a,b c,d e,f", "name cat dog"])
def test_a_line_above_others_than_indices_is_a_name(tmp_path: Path, lines: str) -> None:
    assert read_class_names(_file(tmp_path, lines.replace(" ", "\n"))) == tuple(lines.split())


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("class,id dog,1 cat,0", "where 0 is due, 'dog,1' stands"),
        ("index,name 1,0 2,1 3,2", "both may be, as in '3,2'"),
        ("1,0 2,4 3,5 4,6 5,7 10,1 11,2 12,3", "numbers them otherwise: where 1 is due, '2,4' stands"),
        ("1_fog,1 2_cat,0", "where 0 is due, '1_fog,1' stands"),
        ("001.Albatross,2 002.Auklet,0 003.Blackbird,1", "where 0 is due"),
        ("0-2,1 1-3,0", "where 0 is due"),
        ("1,2 2,0 3,1", "where 0 is due, '1,2' stands"),
        ("dog,1.0 cat,0.0", "where 0 is due"),
        ("1,2 2,3 3,1", r"one column of indices; in .* both may be, as in '3,1'\. Name them in JSON"),
        ("0,0 1,1 10,2 11,3 2,4 3,5 4,6 5,7 6,8 7,9 8,10 9,11", "both may be, as in '9,11'"),
        ("0,cat,1 1,dog,0", "both may be, as in '1,dog,0'"),
    ],
)
def test_a_column_of_indices_that_tells_another_order_is_refused(tmp_path: Path, lines: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_class_names(_file(tmp_path, lines.replace(" ", "\n")))


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        ("0,empty 2,puma 3,dasyprocta", 1),
        ("2,puma 0,empty", 1),
        ("0;empty 5;puma", 1),
        ("1,empty 3,puma", 2),
        ("3\tempty 5\tpuma", 0),
        ("empty,0 puma,2", 1),
        ("0,air,train 2,bed,train", 1),
        ("id,name 0,empty 2,puma", 1),
    ],
)
def test_indices_with_gaps_beside_the_names_are_no_part_of_them(tmp_path: Path, lines: str, missing: int) -> None:
    for_json = lines.removeprefix("id,name ").split(" ")[0].replace("\t", r"\\t")
    with pytest.raises(
        ModelError, match=rf"every index from [01] to .* has no {missing}\..*name them in JSON: \[\"{for_json}"
    ):
        read_class_names(_file(tmp_path, lines.replace(" ", "\n")))


@pytest.mark.parametrize(
    "lines",
    [
        ("0 cat", "1 dog"),  # Teachable Machine's, which may be names as well as the next
        ("1 dog", "2 dogs"),
        ("Stage 2", "Stage 1"),
        ("2 euro", "1 euro"),
        ("5 cat", "4 dog"),
        ("0: cat", "1 dog"),
        ("2,5", "7,5"),
        ("1,cat", "2,cat"),
        ("16:9 wide", "4:3 old"),
        ("Audi A4, 2012", "Fiat 500, 2010"),
        ("Audi,2012", "Fiat,2010"),
        ("cat, 2 years", "cat, 1 year"),
    ],
)
def test_numbers_that_may_be_a_part_of_the_names_stay_with_them(tmp_path: Path, lines: tuple[str, str]) -> None:
    assert read_class_names(_file(tmp_path, "\n".join(lines))) == lines


@pytest.mark.parametrize("name", ["{n}_{animal}", "{n}.{animal}", "{animal}-{n}"])
def test_names_of_folders_with_numbers_stay_in_the_order_that_keras_gives_them(tmp_path: Path, name: str) -> None:
    """10_owl comes before 2_cat."""
    names = sorted(name.format(n=n, animal="cow owl cat"[4 * (n % 3) :][:3]) for n in range(1, 13))
    assert read_class_names(_file(tmp_path, "\n".join(names))) == tuple(names)


def test_names_given_in_a_row_are_in_the_order_of_their_indices() -> None:
    assert read_class_names("0:cat,1:dog") == ("cat", "dog")
    with pytest.raises(ModelError, match="in class order; '1:dog,0:cat' numbers them otherwise: where 0 is due"):
        read_class_names("1:dog,0:cat")


@pytest.mark.parametrize(
    "names",
    [
        ("0,25 mm", "1,5 mm"),
        ("0:30", "1:15"),
        ("1=0", "2=1"),
        ("1 dog", "0 cat"),
        ("10_owl", "1_fog", "2_cat"),
        ("001.Albatross", "002.Auklet"),
        ('["cat', 'dog"]'),
        ('the "cat"', "dog"),
    ],
)
def test_a_list_of_names_holds_names_alone(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert read_class_names(_file(tmp_path, names)) == names
    assert read_class_names(class_names_text(names)) == names


def test_names_with_numbers_are_in_the_order_of_a_map(tmp_path: Path) -> None:
    assert read_class_names(_file(tmp_path, {"0": "1 dog", "1": "0 cat"})) == ("1 dog", "0 cat")


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"chat\xe9")
    with pytest.raises(ModelError, match=r"is not: 'utf-8' codec .*: .*\. If it is text, save it as UTF-8\.$"):
        read_class_names(str(tmp_path / "labels.txt"))


@pytest.mark.parametrize("given", ["labels.txt", "models/labels", "index.json"])
def test_file_that_is_not_there_is_not_taken_for_a_name(given: str) -> None:
    with pytest.raises(ModelError, match=f"there is no file {given}"):
        read_class_names(given)


@pytest.mark.parametrize("given", ["", "cat,", "cat,cat", " , "])
def test_blank_and_repeated_names_are_refused(given: str) -> None:
    with pytest.raises(ModelError, match="Expected `labels` to be"):
        read_class_names(given)


def test_labels_fit_the_outputs() -> None:
    check_label_count(("cat", "dog"), 2, "m.keras")
    check_label_count(("cat", "dog"), 1, "m.keras")
    with pytest.raises(ModelError, match=r"Expected 3 `labels`, one per output of m\.keras; received 2: cat,dog"):
        check_label_count(("cat", "dog"), 3, "m.keras")
    with pytest.raises(ModelError, match=r"received 6: a,b,c,d,e,\.\.\."):
        check_label_count(tuple("abcdef"), 3, "m.keras")


def test_one_label_for_one_output_is_refused() -> None:
    """Every row would say dog."""
    with pytest.raises(ModelError, match="Expected two `labels`, such as no-dog,dog, for the one output"):
        check_label_count(("dog",), 1, "m.keras")


def test_names_that_differ_in_the_spelling_of_an_accent_alone_are_one_name(tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "Kätzchen") for form in ("NFC", "NFD")]
    assert read_class_names(f"{names[1]},Hund") == (names[1], "Hund")
    with pytest.raises(ModelError, match="different names"):
        read_class_names(",".join(names))
    with pytest.raises(ModelError, match="different names"):
        read_class_names(_file(tmp_path, names))


def test_a_pickle_and_an_array_are_refused_with_what_to_do() -> None:
    array = io.BytesIO()
    np.save(array, np.array(["cat", "dog"]))
    for content, said in ((pickle.dumps({"cat": 0, "dog": 1}), "a pickle; load"), (array.getvalue(), "a NumPy array")):
        with pytest.raises(ModelError, match=rf"{said}.* json\.dump\.$"):
            parse_class_names(content, "classes")


@pytest.mark.parametrize("unit", ["x", " ", "1", "x,", "1.", ", ", "x1", '"'])
@pytest.mark.parametrize("lines", ["{0}y\ny\n", "{0}\n{0}\n", "0,{0}\n1,{0}2\n", "{0}2,3\n{0},1\n", "a {0}0\nb {0}1"])
def test_long_lines_are_read_or_refused_at_once(lines: str, unit: str) -> None:
    with suppress(ModelError):
        parse_class_names(lines.format(unit * (200_000 // len(unit))).encode(), "labels.txt")


def test_long_names_are_told_in_short() -> None:
    long = "x" * 10_000
    for lines in (f"{long}\n{long}", f"1,{long}\n0,{long}2", f"{long},0\n{long}2,2", f"1 {long}\n0 {long}2"):
        with pytest.raises(ModelError, match="xxx") as refused:
            parse_class_names(lines.encode(), "labels.txt")
        assert len(str(refused.value)) < 1_000


def test_an_index_that_many_names_have_is_found_at_once() -> None:
    names = {f"class {index}": min(index, 19_998) for index in range(20_000)}
    with pytest.raises(ModelError, match="has 19998 twice"):
        parse_class_names(json.dumps(names).encode(), "labels.json")


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_only_ends_of_lines_part_names_in_a_file(mark: str) -> None:
    for end in ("\n", "\r\n", "\r"):
        assert parse_class_names(f"big{mark}cat{end}dog{end}".encode(), "labels.txt") == (f"big{mark}cat", "dog")
