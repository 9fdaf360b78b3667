"""Reading returns: by place, by name, and refused."""

import gzip
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scoring.errors import SonarError, StorageError
from scoring.sonar.returns import BAND_NAMES, UCI, find_sonar
from scoring.sonar.uci_file import load_sonar
from scoring.storage.downloads import file_digest


def write_rows(path: Path, rows: list[list[str]]) -> Path:
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def numbered_row() -> list[str]:
    """Band i of 60 holds i / 100."""
    return [f"{band / 100:.2f}" for band in range(60)]


def test_ucis_returns_that_cannot_be_kept_are_told_in_one_line_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", "/dev/null/.keras")
    with pytest.raises(StorageError, match=r"^Cannot write /dev/null/.* KERAS_HOME\. .* pass it as `data`\.$"):
        find_sonar(UCI, field="data")


def test_columns_without_names_go_by_place(tmp_path: Path) -> None:
    returns = load_sonar(write_rows(tmp_path / "new.csv", [numbered_row()]))
    assert returns.labels is None
    np.testing.assert_allclose(returns.bands[0], np.arange(60) / 100, rtol=1e-6)


def test_columns_may_be_counted_by_names_to_the_last(tmp_path: Path) -> None:
    names, row = [f"V{number}" for number in range(1, 62)], [*numbered_row(), "R"]
    returns = load_sonar(write_rows(tmp_path / "new.csv", [names, row]))
    assert returns.labels is not None
    assert returns.labels.tolist() == ["R"]
    np.testing.assert_allclose(returns.bands[0], np.arange(60) / 100, rtol=1e-6)


@pytest.mark.parametrize("last", [None, "label"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_row_that_counts_the_columns_is_none_of_returns(tmp_path: Path, first: int, last: str | None) -> None:
    """As pandas writes a file that it read without names, or with one for the labels alone."""
    counted = [*(str(number) for number in range(first, first + 60)), last or str(first + 60)]
    returns = load_sonar(write_rows(tmp_path / "new.csv", [counted, [*numbered_row(), "M"]]))
    assert returns.labels is not None
    assert returns.labels.tolist() == ["M"]
    np.testing.assert_allclose(returns.bands[0], np.arange(60) / 100, rtol=1e-6)
    with pytest.raises(SonarError, match=rf"row 1, column {3 - first} .* is '2'"):
        load_sonar(write_rows(tmp_path / "new.csv", [[*counted[:9], *numbered_row()[9:], "M"], [*numbered_row(), "M"]]))


def test_named_columns_may_come_in_any_order(tmp_path: Path) -> None:
    names, row = [*BAND_NAMES, "label"], [*numbered_row(), "M"]
    returns = load_sonar(write_rows(tmp_path / "new.csv", [names[::-1], row[::-1]]))
    assert returns.labels is not None
    assert returns.labels.tolist() == ["M"]
    np.testing.assert_allclose(returns.bands[0], np.arange(60) / 100, rtol=1e-6)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([*BAND_NAMES[:6], *BAND_NAMES[7:]], "lacks band_7"),
        ([*BAND_NAMES, "depth"], "has 'depth'"),
        ([*BAND_NAMES, "band_3"], "twice"),
    ],
)
def test_wrong_names_are_refused_by_name(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(SonarError, match=message):
        load_sonar(write_rows(tmp_path / "new.csv", [names, ["0.5"] * len(names)]))


def test_names_without_returns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SonarError, match="has none"):
        load_sonar(write_rows(tmp_path / "new.csv", [list(BAND_NAMES)]))


@pytest.mark.parametrize(
    ("num_columns", "advice"), [(59, "cut off"), (62, "Leave out other columns, such as an index")]
)
def test_a_row_of_another_length_is_refused_by_number(tmp_path: Path, num_columns: int, advice: str) -> None:
    rows = [numbered_row(), [*numbered_row(), "0.1", "0.2"][:num_columns]]
    with pytest.raises(SonarError, match=rf"row 2 of 2 has {num_columns} columns\. .*{advice}"):
        load_sonar(write_rows(tmp_path / "new.csv", rows))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_semicolons_and_tabs_separate_columns_too(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("\n" + separator.join([*numbered_row(), "R"]) + "\n")
    returns = load_sonar(path)
    assert returns.labels is not None
    assert returns.labels.tolist() == ["R"]
    np.testing.assert_allclose(returns.bands[0], np.arange(60) / 100, rtol=1e-6)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_are_told_as_that(separator: str, tmp_path: Path) -> None:
    """As a spreadsheet writes them where decimals have commas."""
    row = [cell.replace(".", ",") for cell in [*numbered_row(), "R"]]
    (tmp_path / "new.csv").write_text((separator.join(row) + "\n") * 2)
    told = r"row 1, column 1 of .* is '0,00'\. Write decimal points for decimal commas\."
    with pytest.raises(SonarError, match=told):
        load_sonar(tmp_path / "new.csv")


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([" ".join([*numbered_row(), "R"])], "1 column: '0.00 0.01"),
        (['"' + ",".join([*numbered_row(), "R"]) + '"'], "1 column: '0.00,0.01"),
        (["sep=,", ",".join([*numbered_row(), "R"])], "1 column: 'sep='"),
        (["# sonar, of mines", ",".join([*numbered_row(), "R"])], "2 columns: '# sonar, of mines'"),
    ],
)
def test_a_first_line_of_few_columns_is_shown(lines: list[str], shown: str, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(
        SonarError, match=rf"separated by commas, .* row 1 of .*new\.csv has {re.escape(shown)}.* Leave"
    ):
        load_sonar(tmp_path / "new.csv")


def test_a_first_row_of_numbers_in_another_spelling_is_none_of_names(tmp_path: Path) -> None:
    row = [*(f"{band}%" for band in range(60)), "R"]
    with pytest.raises(SonarError, match=r"row 1, column 1 of .* is '0%'"):
        load_sonar(write_rows(tmp_path / "new.csv", [row, row]))


@pytest.mark.parametrize("names", [[], ["", *map(str, range(60))], ["", *(f"V{number}" for number in range(1, 61))]])
def test_an_index_beside_returns_without_labels_is_told_as_that(names: list[str], tmp_path: Path) -> None:
    """As pandas and R write it, with and without names."""
    rows = [[str(number), *numbered_row()] for number in range(1, 4)]
    with pytest.raises(SonarError, match=r"is '2'\. Leave out .* index|has '1'\. Leave out .* index"):
        load_sonar(write_rows(tmp_path / "new.csv", [names, *rows] if names else rows))


def test_bands_may_be_numbered_from_0(tmp_path: Path) -> None:
    names, row = [*(f"freq_{number:02}" for number in range(60)), "class"], [*numbered_row(), "M"]
    returns = load_sonar(write_rows(tmp_path / "new.csv", [names[::-1], row[::-1]]))
    np.testing.assert_allclose(returns.bands[0], np.arange(60) / 100, rtol=1e-6)
    with pytest.raises(SonarError, match=r"freq_0 to freq_59, .* lacks freq_7"):
        load_sonar(write_rows(tmp_path / "new.csv", [[*names[:7], *names[8:]], [*row[:7], *row[8:]]]))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_any_system_has_it(end: str, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_bytes((",".join([*numbered_row(), "R"]) + end).encode() * 40)
    assert len(load_sonar(tmp_path / "new.csv").bands) == 40


@pytest.mark.parametrize(("mine", "rock"), [("m", "r"), ("Mine", "Rock"), (" MINE", "rock ")])
def test_labels_are_letters_or_words_in_any_case(mine: str, rock: str, tmp_path: Path) -> None:
    returns = load_sonar(write_rows(tmp_path / "new.csv", [[*numbered_row(), label] for label in (mine, rock)]))
    assert returns.labels is not None
    assert returns.labels.tolist() == ["M", "R"]


@pytest.mark.parametrize(("band", "label"), [("Freq_{}", "Label"), ("V{}", "Class"), ("attribute_{:02}", "CLASS")])
def test_bands_are_named_by_any_word_and_their_number(band: str, label: str, tmp_path: Path) -> None:
    names, row = [*(band.format(number) for number in range(1, 61)), label], [*numbered_row(), "M"]
    returns = load_sonar(write_rows(tmp_path / "new.csv", [names[::-1], row[::-1]]))
    assert returns.labels is not None
    np.testing.assert_allclose(returns.bands[0], np.arange(60) / 100, rtol=1e-6)
    with pytest.raises(SonarError, match=f"lacks {band.format(10).lower()}"):
        load_sonar(write_rows(tmp_path / "new.csv", [[*names[:9], *names[10:]], [*row[:9], *row[10:]]]))


def test_one_number_by_two_names_is_refused(tmp_path: Path) -> None:
    names = [*BAND_NAMES[:59], "band_01"]
    with pytest.raises(SonarError, match="lacks band_60"):
        load_sonar(write_rows(tmp_path / "new.csv", [names, numbered_row()]))
    with pytest.raises(SonarError, match="twice"):
        load_sonar(write_rows(tmp_path / "new.csv", [[*BAND_NAMES, "band_01"], [*numbered_row(), "0.5"]]))


@pytest.mark.parametrize(("cell", "told"), [("", "empty"), ("nan", "'nan'"), ("NA", "'NA'")])
@pytest.mark.parametrize("row", [0, 2])
def test_a_cell_without_a_number_is_named_by_its_place(cell: str, told: str, row: int, tmp_path: Path) -> None:
    rows = [[*numbered_row(), "M"] for _ in range(3)]
    rows[row][4] = cell
    with pytest.raises(SonarError, match=f"row {row + 1}, column 5 of .* is {told}"):
        load_sonar(write_rows(tmp_path / "new.csv", rows))


def test_a_first_row_that_is_cut_off_is_the_one_that_is_named(tmp_path: Path) -> None:
    rows = [numbered_row(), *([*numbered_row(), "M"] for _ in range(3))]
    with pytest.raises(SonarError, match="row 1 of 4 has 60 columns"):
        load_sonar(write_rows(tmp_path / "new.csv", rows))


def test_a_label_that_is_none_is_named_as_it_stands(tmp_path: Path) -> None:
    with pytest.raises(SonarError, match=r"row 2 of .* has 'NA'"):
        load_sonar(write_rows(tmp_path / "new.csv", [[*numbered_row(), "M"], [*numbered_row(), "NA"]]))


def test_a_stray_quotation_mark_makes_no_long_message(tmp_path: Path) -> None:
    row = ",".join(numbered_row())
    (tmp_path / "new.csv").write_text(f'{row},"M\n' + f"{row},M\n" * 100 + f'{row},M"\n')
    with pytest.raises(SonarError, match=r"row 1 of .* has 'M\\n0\.00,.*\.\.\.'") as refused:
        load_sonar(tmp_path / "new.csv")
    assert len(str(refused.value)) < 200 + len(str(tmp_path))


@pytest.mark.parametrize("name", ["new.csv.gz", "new.csv"])
def test_what_is_packed_is_refused_whatever_its_name_is(name: str, tmp_path: Path) -> None:
    """It is never unpacked: that may be without end."""
    (tmp_path / name).write_bytes(gzip.compress(("0.5," * 59 + "0.5\n").encode() * 3))
    with pytest.raises(SonarError, match=r"cannot read .*: 'utf-8' codec can't decode .*\. If it is text, save it"):
        load_sonar(tmp_path / name)


def test_the_digest_is_of_what_was_parsed_though_the_file_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(tmp_path / "new.csv", [numbered_row()])
    digest, read = file_digest(path), pd.read_csv

    def read_and_replace(*given: object, **options: object) -> object:
        cells = read(*given, **options)  # type: ignore[call-overload]
        write_rows(path, [numbered_row()[::-1]])
        return cells

    monkeypatch.setattr(pd, "read_csv", read_and_replace)
    assert load_sonar(path).digest == digest
    assert file_digest(path) != digest
