"""Reading returns: by place, by name, and refused."""

from pathlib import Path

import numpy as np
import pytest

from scoring.errors import SonarError
from scoring.sonar.returns import BAND_NAMES
from scoring.sonar.uci_file import load_sonar


def write_rows(path: Path, rows: list[list[str]]) -> Path:
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def numbered_row() -> list[str]:
    """Band i of 60 holds i / 100."""
    return [f"{band / 100:.2f}" for band in range(60)]


def test_columns_without_names_go_by_place(tmp_path: Path) -> None:
    returns = load_sonar(write_rows(tmp_path / "new.csv", [numbered_row()]))
    assert returns.labels is None
    np.testing.assert_allclose(returns.bands[0], np.arange(60) / 100, rtol=1e-6)


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


@pytest.mark.parametrize("num_columns", [59, 62])
def test_a_row_of_another_length_is_refused_by_number(tmp_path: Path, num_columns: int) -> None:
    rows = [numbered_row(), [*numbered_row(), "0.1", "0.2"][:num_columns]]
    with pytest.raises(SonarError, match=r"row 2 of 2"):
        load_sonar(write_rows(tmp_path / "new.csv", rows))
