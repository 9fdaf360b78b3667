"""Read sonar returns from a file in UCI's format, and say where it is not in that format."""

import hashlib
import io
import os
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from scoring.arrays import Float32Array
from scoring.errors import SonarError, one_line
from scoring.run.wording import plural
from scoring.sonar.returns import BAND_NAMES, LABEL_NAME, LABEL_NAMES, NUM_BANDS, SonarReturns
from scoring.sources.csv_table import SAVE_AS_UTF8

_MAX_LINE_BYTES = 4096  # UCI's have 422
_MAX_FILE_BYTES = 256 * 1024**2  # half a million returns
_SHOWN = 40  # characters of a cell, in a message
_SEPARATORS = ",;\t"
_NUMBERED = re.compile("(.*?)0*([0-9]+)")
_LETTER = re.compile(r"[^\W\d_]")
_DECIMAL_COMMA = re.compile(r"[0-9]*,[0-9]+")
_WITHOUT_INDEX = " Leave out other columns, such as an index."
_LABEL_COLUMNS = (LABEL_NAME, "class")
_LABELS = {spelled: label for label, name in LABEL_NAMES.items() for spelled in (label.casefold(), name)}


def load_sonar(path: Path) -> SonarReturns:
    """Read rows of 60 bands, each with a label (`M` or `R`, `mine` or `rock`) or all without.

    Commas separate the columns, or semicolons or tabs. A first row of names is allowed: `band_1` to `band_60`, or
    numbers from 0 or 1 after another word, and `label` or `class`, in any order. Without it columns go by place, and
    where it counts them from 0 or 1.

    Raises:
        SonarError: If the file is empty, too large or unreadable, a row is short or long, a band is not a number from 0
            to 1, or a label is unknown; it names the first such row, counted from 1 after any names and without blank
            lines.
    """
    content = _read(path)
    cells = _read_cells(content, path)
    if cells.empty:
        raise SonarError(f"Expected sonar returns in {path}; it is empty.")
    cells = _order_columns(cells, path)
    columns = (cells.notna().to_numpy() * np.arange(1, cells.shape[1] + 1)).max(axis=1)  # the last that is not empty
    is_unlabelled = (columns == NUM_BANDS).sum() > (columns == NUM_BANDS + 1).sum()
    num_columns = NUM_BANDS + (not is_unlabelled)
    if (columns != num_columns).any():
        row = int(np.argmax(columns != num_columns))
        is_longer = columns[row] > NUM_BANDS + 1
        advice = _WITHOUT_INDEX if is_longer else " Is the file cut off?"
        raise SonarError(
            f"Expected {NUM_BANDS} bands and a label, or {NUM_BANDS} bands, in every row of {path}; "
            f"row {row + 1} of {len(cells)} has {columns[row]} columns.{advice}"
        )
    bands = _parse_bands(cells, path)
    labels = None if is_unlabelled else _parse_labels(cells, path)
    return SonarReturns(bands, labels, hashlib.sha256(content).hexdigest())


def _read(path: Path) -> bytes:
    """The file as it is now, once: its digest is of what is parsed, though somebody writes to it.

    What would take minutes or gigabytes to parse is refused: a huge file, a line of endless commas.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1) if os.fstat(file.fileno()).st_size <= _MAX_FILE_BYTES else None
    except OSError as error:
        raise SonarError(f"Expected readable sonar returns; {path} is not: {error.strerror or error}.") from error
    if content is None or len(content) > _MAX_FILE_BYTES:
        raise SonarError(f"Expected at most {_MAX_FILE_BYTES // 1024**2} MiB of sonar returns; {path} is larger.")
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="latin-1")  # ends at \r too, as pandas has it
    for row, line in enumerate(iter(lambda: lines.readline(_MAX_LINE_BYTES + 1), ""), start=1):
        if len(line) > _MAX_LINE_BYTES:
            raise SonarError(f"Expected rows of at most {_MAX_LINE_BYTES} bytes; row {row} of {path} is longer.")
    return content


def _read_cells(content: bytes, path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)  # of a longer row, which we refuse by name
            # One column more than allowed, so that a long row is told from a right one.
            return pd.read_csv(
                io.BytesIO(content),
                sep=_separator(content),
                header=None,
                names=range(NUM_BANDS + 2),
                dtype=str,
                index_col=False,
                keep_default_na=False,  # of words: `nan` and `NA` are told as what they are
                na_values=[""],
            )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, ValueError) as error:
        advice = f". {SAVE_AS_UTF8}" if isinstance(error, UnicodeDecodeError) else ""
        reason = one_line(error)
        raise SonarError(f"Expected comma-separated sonar returns; cannot read {path}: {reason}{advice}") from error


def _separator(content: bytes) -> str:
    lines = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="replace")
    first = next((line for line in lines if line.strip()), "")
    often = [separator for separator in _SEPARATORS if first.count(separator) >= NUM_BANDS - 1]
    if often:
        return often[-1]  # a comma may be in every number
    return next((separator for separator in _SEPARATORS if separator in first), ",")


def _order_columns(cells: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Take the first row for names if none of it is a number, and put the columns in UCI's order.

    Of columns that are counted, as pandas does where there are no names, that row is left out.
    """
    first = cells.iloc[0].dropna().str.strip()
    numbers = pd.to_numeric(first, errors="coerce")
    if numbers.notna().any():
        counted = [[*range(start, start + NUM_BANDS)] for start in (0, 1)]
        is_data = len(cells) == 1 or numbers.tolist()[:NUM_BANDS] not in counted
        return cells if is_data else cells.iloc[1:].reset_index(drop=True)
    if len(first) <= NUM_BANDS // 2:
        raise SonarError(
            f"Expected {NUM_BANDS} columns or more, separated by commas, semicolons or tabs; row 1 of {path} has "
            f"{plural(len(first), 'column')}: {_shown(', '.join(first))}. Leave out lines above the returns, and "
            "quotation marks around whole rows."
        )
    bands, label, names = _read_names(list(first))
    unknown = sorted(set(names) - {*bands, label})
    absent = [name for name in bands if name not in names]
    if (unknown or absent) and first.str.contains(_LETTER).sum() <= 1:
        return cells  # no names, but numbers in a spelling that is refused, and a label
    if unknown or absent or len(set(names)) != len(names):
        problem = f"lacks {absent[0]}" if absent else f"has {unknown[0]!r}" if unknown else "has one of them twice"
        raise SonarError(f"Expected the columns {bands[0]} to {bands[-1]}, with or without {label}; {path} {problem}.")
    wanted = [first.index[names.index(name)] for name in (*bands, label) if name in names]
    others = [column for column in cells.columns if column not in wanted]
    ordered = cells.iloc[1:][[*wanted, *others]].reset_index(drop=True)
    if ordered.empty:
        raise SonarError(f"Expected sonar returns below the names; {path} has none.")
    return ordered.set_axis(cells.columns, axis=1)


def _read_names(names: list[str]) -> tuple[list[str], str, list[str]]:
    """How the file spells the names of bands and label; and its names, in lower case and with plain numbers."""
    folded = [name.casefold() for name in names]
    numbered = [_NUMBERED.fullmatch(name) for name in folded]
    plain = [match[1] + match[2] if match else name for match, name in zip(numbered, folded, strict=True)]
    words = Counter(match[1] for match in numbered if match).most_common(1)
    start = 0 if words and f"{words[0][0]}0" in plain else 1
    bands = [f"{words[0][0]}{number}" for number in range(start, start + NUM_BANDS)] if words else list(BAND_NAMES)
    further = f"{words[0][0]}{start + NUM_BANDS}" if words else LABEL_NAME  # as R calls them, V1 to V61
    label = next((name for name in (*_LABEL_COLUMNS, further) if name in plain), LABEL_NAME)
    return bands, label, plain


def _parse_bands(cells: pd.DataFrame, path: Path) -> Float32Array:
    bands = cells.iloc[:, :NUM_BANDS].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    with np.errstate(invalid="ignore"):
        wrong = ~((bands >= 0) & (bands <= 1))  # true for NaN as well
    if wrong.any():
        row, band = (int(index) for index in np.argwhere(wrong)[0])
        cell = cells.iat[row, band]
        found = _shown(cell) if isinstance(cell, str) else "empty"
        has_comma = isinstance(cell, str) and _DECIMAL_COMMA.fullmatch(cell.strip())
        advice = " Write decimal points for decimal commas." if has_comma else _index_advice(cells)
        raise SonarError(
            f"Expected numbers from 0 to 1; row {row + 1}, column {band + 1} of {path} is {found}.{advice}"
        )
    parsed: Float32Array = bands.astype(np.float32)
    return parsed


def _parse_labels(cells: pd.DataFrame, path: Path) -> npt.NDArray[np.str_]:
    spelled = cells[NUM_BANDS].str.strip()
    labels = spelled.str.casefold().map(_LABELS)
    if labels.isna().any():
        row = int(labels.isna().to_numpy().argmax())
        found = _shown(spelled[row])
        advice = _index_advice(cells)
        raise SonarError(f"Expected the label M (mine) or R (rock); row {row + 1} of {path} has {found}.{advice}")
    return labels.to_numpy(np.str_)


def _index_advice(cells: pd.DataFrame) -> str:
    """What to do where the first column, or the one in the labels' place, counts the rows."""
    rows = np.arange(len(cells))
    for column in (0, NUM_BANDS):
        numbers = pd.to_numeric(cells[column], errors="coerce").to_numpy(np.float64)
        if (numbers == rows).all() or (numbers == rows + 1).all():
            return _WITHOUT_INDEX
    return ""


def _shown(cell: str) -> str:
    """A cell, or how one begins that a stray quotation mark has made long."""
    return repr(cell if len(cell) <= _SHOWN else f"{cell[:_SHOWN]}...")
