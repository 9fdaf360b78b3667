import csv
import errno
import gzip
import io
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from scoring.errors import RequestError
from scoring.sources import csv_table, encoded_images
from scoring.submissions.template import read_template
from tests.faults import fail, system_fault


def _read(tmp_path: Path, content: bytes) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, ...], ...]]:
    path = tmp_path / "sample_submission.csv"
    path.write_bytes(content)
    template = read_template(path)
    return template.columns, template.ids, template.answers


def test_ids_are_kept_as_they_are_spelled_and_in_order(tmp_path: Path) -> None:
    assert _read(tmp_path, b'id, label\n007,a\n\n"x,y", b c \n') == (("label",), ("007", "x,y"), (("a",), ("b c",)))


def test_blanks_before_fields_of_a_template_are_none_of_them_where_some_stand_before_quotes(tmp_path: Path) -> None:
    path = tmp_path / "sample_submission.csv"
    for text in ('id, "label", other\n 1, 0.5, b\n" 2", "5, ", 3\n', '"id", "label",\tother\n 1,0.5,b\n" 2","5, ",3\n'):
        path.write_text(text)
        template = read_template(path)
        assert template.ids == ("1", " 2")
        assert template.filled(template.answers) == 'id,label,other\n1,0.5,b\n 2,"5,",3\n'
    path.write_text('id, label\n"1", 0.5\n')
    assert read_template(path).header == ("id", " label")


def test_what_is_filled_in_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "sample_submission.csv"
    path.write_text('"i,d",label\n"x,y",a\n')
    assert read_template(path).filled([('say "b"',)]) == '"i,d",label\n"x,y","say ""b"""\n'


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ('id;label\nx,y;a\n"v;w";b\n', 'id;label\nx,y;"c;d"\n"v;w";e,f\n'),
        ('id\tlabel\nx,y\ta\n"v\tw"\tb\n', 'id\tlabel\nx,y\tc;d\n"v\tw"\te,f\n'),
    ],
)
def test_semicolons_and_tabs_stay(tmp_path: Path, given: str, filled: str) -> None:
    path = tmp_path / "sample_submission.csv"
    path.write_text(given)
    assert read_template(path).filled([("c;d",), ("e,f",)]) == filled


@pytest.mark.parametrize(
    "given",
    [
        '"id";"Tomato, ripe";Apple\n1;0;0\n2;0;0\n',
        "id\tTomato, ripe\tApple\n1\t0\t0\n2\t0\t0\n",
        "id\tTomato, ripe; round\tApple\n1\t0\t0\n2\t0\t0\n",
        "id;Tomato, ripe\n1;0,5\n2;0,5\n",
        'id,"Tomato; ripe",Apple\n1,0,0\n2,0;5,0\n',
        "\tTomato\n1\t0\n2\t0\n",
    ],
)
def test_marks_within_names_separate_no_columns(tmp_path: Path, given: str) -> None:
    (tmp_path / "sample_submission.csv").write_text(given)
    template = read_template(tmp_path / "sample_submission.csv")
    assert ("Tomato" in template.columns[0], template.ids) == (True, ("1", "2"))
    assert template.filled(template.answers).splitlines()[1:] == given.splitlines()[1:]


def test_what_separates_fields_is_said_where_a_line_has_too_few(tmp_path: Path) -> None:
    (tmp_path / "sample_submission.csv").write_text("id;cat, dog;fox\n1;0;0\n2;0\n")
    with pytest.raises(RequestError, match=r"3 fields in line 3 .* it has 2, with ';' between fields"):
        read_template(tmp_path / "sample_submission.csv")


def test_every_id_is_written_so_that_it_is_read_as_it_was(tmp_path: Path) -> None:
    r"""Python writes a lone `\r`, as in macOS' `Icon\r`, without quotes, which ends a line for whoever reads it."""
    ids = ("Icon\r", "a\nb", "a,b", 'a"b', "a\tb", " a ", "007", "7", "é", "e\u0301", "=1")
    path = tmp_path / "sample_submission.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "label"), *((one, "0") for one in ids)])
    template = read_template(path)
    assert template.ids == ids
    filled = io.StringIO(template.filled([("1",)] * len(ids)), newline="")
    assert list(csv.reader(filled)) == [["id", "label"], *([one, "1"] for one in ids)]


def _zip(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return packed.getvalue()


_CSV = b"id,label\n1,0\n"


@pytest.mark.parametrize(
    ("name", "content", "inside"),
    [
        ("bundle.zip", _zip(train_csv=b"no", sample_csv_zip=_zip(sample_csv=_CSV)), "sample.csv.zip"),
        ("bundle.zip", _zip(train_csv=b"no", sample_csv_zip=_zip(sample_csv=_CSV)), "sample.csv.zip/sample.csv"),
        ("bundle.zip", _zip(sample_csv_zip=_zip(sample_csv=_CSV)), ""),
        ("bundle.zip", _zip(train_csv=b"no", sample_csv_gz=gzip.compress(_CSV, mtime=0)), "sample.csv.gz"),
        ("sample.csv.gz", gzip.compress(_CSV, mtime=0), ""),
    ],
)
def test_templates_are_read_as_bundles_hold_them(tmp_path: Path, name: str, content: bytes, inside: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_template(tmp_path / name / inside).ids == ("1",)


@pytest.mark.parametrize(
    ("content", "inside", "message"),
    [
        (_zip(a_zip=_zip(b_csv=_CSV, c_csv=_CSV)), "", r"one file in .*bundle.zip/a.zip; it holds 2.*a.zip/b.csv"),
        (_zip(a_zip=_zip(b_csv=_CSV)), "a.zip/c.csv", r"file c.csv in .*bundle.zip/a.zip; it has none.*a.zip/b.csv"),
        (_zip(a_zip=_zip(b_csv=_CSV)), "c.zip", r"file c.zip in .*bundle.zip; it has none. Name one: .*/a.zip"),
        (_zip(), "a.csv", r"a CSV file in .*bundle.zip; it holds no file"),
        (_zip(a_gz=gzip.compress(_CSV, mtime=0)[:-9]), "", r"readable `template`; .* its gzip is damaged"),
    ],
)
def test_what_a_bundle_lacks_or_has_twice_is_said(tmp_path: Path, content: bytes, inside: str, message: str) -> None:
    (tmp_path / "bundle.zip").write_bytes(content)
    with pytest.raises(RequestError, match=message):
        read_template(tmp_path / "bundle.zip" / inside)


@pytest.mark.parametrize("name", ["sample.csv.gz", "sample.csv.zip", "bundle.zip/a.csv", "bundle.zip/b.csv.gz"])
def test_what_unpacks_to_more_than_members_of_a_zip_may_have_is_refused_in_one_line(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoded_images, "MAX_IMAGE_BYTES", 1 << 20)
    rows = b"id,label\n" + b"1,0\n" * 10_000_000
    packed = gzip.compress(rows, mtime=0)
    files = {"sample.csv.gz": packed, "sample.csv.zip": _zip(a_csv=rows)}
    file, _, inside = name.partition("/")
    (tmp_path / file).write_bytes(files.get(file) or _zip(a_csv=rows, b_csv_gz=packed))
    tracemalloc.start()
    try:
        with pytest.raises(RequestError, match=f"a readable `template`; .*{inside}.* is not: larger than 1 MiB\\.$"):
            read_template(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ids, at least one other column, and rows"),
        (b"id,label\n", "and rows"),
        (b"id\n1\n", "at least one other column"),
        (b"id,label\n1,2,3\n", "2 fields in line 2 .* has 3"),
        (b"id,label\n\n1\n", "2 fields in line 3 .* has 1"),
        (b"id,a,a\n1,2,3\n", "every column .*'a' more than once"),
        (b"id,label\n7,0\n8,0\n7,0\n", r"every id .*'7' more than once\.$"),
        (b"image_id,label\na,0.1\na,0.9\n", r"every id .*'a' more than once\.$"),
        (b"Category,Id\ncgm,1.jpg\ncgm,2.jpg\n", r"'cgm' more than once\. Ids are in its first column; put 'Id' first"),
        (b"\xff\xfe\x00", "CSV file in UTF-8"),
        (b'id,label\n"1,0\n', "CSV file in UTF-8"),
        ("id,label\n1,caf\u00e9\n".encode("latin-1"), r"byte 0xe9.*\. If it is text, save it as UTF-8\.$"),
    ],
)
def test_what_is_no_template_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        _read(tmp_path, content)


def test_a_template_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"there is no .*nowhere\.csv"):
        read_template(tmp_path / "nowhere.csv")
    with pytest.raises(RequestError, match=r"; /.* is a folder\. Name the file in it\.$"):
        read_template(tmp_path)


def test_a_template_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sample_submission.csv").touch()

    fail(monkeypatch, csv_table, "read_whole", tmp_path / "sample_submission.csv", system_fault(errno.EACCES))
    with pytest.raises(RequestError, match=r"sample_submission\.csv is not: Permission denied"):
        read_template(tmp_path / "sample_submission.csv")
