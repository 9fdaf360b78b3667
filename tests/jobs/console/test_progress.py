import io
from typing import Any

import pytest
from rich.console import Console

from jobs.console import progress
from jobs.console.progress import ScoringProgress


def _score(console: Console) -> None:
    with ScoringProgress(console, num_images=30, num_done=10) as shown:
        shown.add(10, num_errors=1)
        shown.add(10, num_errors=0)


def test_a_log_gets_a_line_at_the_end_and_no_bar() -> None:
    log = io.StringIO()
    _score(Console(file=log, width=120))
    [line] = log.getvalue().splitlines()
    assert line.startswith("scored 30 of 30 images, ")
    assert line.endswith("0 s left, 1 error")


def test_vectors_are_embedded_and_not_scored() -> None:
    log = io.StringIO()
    with ScoringProgress(Console(file=log, width=120), num_images=30, num_done=10, embeds=True) as shown:
        shown.add(20, num_errors=0)
    assert log.getvalue().startswith("embedded 30 of 30 images, ")


def test_errors_of_an_earlier_run_count_beside_its_images() -> None:
    log = io.StringIO()
    with ScoringProgress(Console(file=log, width=120), num_images=30, num_done=10, num_errors=2) as shown:
        shown.add(20, num_errors=1)
    assert log.getvalue().endswith(", 3 errors\n")


def test_a_log_goes_on_where_no_shard_has_come_in_for_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS_PER_LINE", 0.0)
    log = io.StringIO()
    with ScoringProgress(Console(file=log, width=120), num_images=30, num_done=10) as shown:
        shown.add(0, num_errors=0)  # every shard has failed
        shown.add(20, num_errors=0)
    first, last = log.getvalue().splitlines()
    assert first == "scored 10 of 30 images, 0.0/s, 0 errors"
    assert last.startswith("scored 30 of 30 images, ")


def test_a_terminal_gets_the_bar_and_no_lines() -> None:
    terminal = io.StringIO()
    _score(Console(file=terminal, width=120, force_terminal=True))
    assert "30/30" in terminal.getvalue()
    assert "scored 30" not in terminal.getvalue()


def test_a_quiet_console_gets_nothing() -> None:
    terminal = io.StringIO()
    _score(Console(file=terminal, width=120, force_terminal=True, quiet=True))
    assert terminal.getvalue() == ""


class Cell:
    """What a notebook shows below a cell: one picture, replaced by the next."""

    def __init__(self) -> None:
        self.pictures: list[str] = []

    def display(self, table: Any, display_id: bool) -> "Cell":
        assert display_id
        self.update(table)
        return self

    def update(self, table: Any) -> None:
        self.pictures.append(table._repr_mimebundle_([], [])["text/plain"])


def test_a_notebook_gets_the_bar_even_of_a_call_that_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cell, printed = Cell(), io.StringIO()
    monkeypatch.setattr("IPython.display.display", cell.display)
    _score(Console(file=printed, force_jupyter=True, quiet=True))
    assert "10/30" in cell.pictures[0]
    assert "30/30" in cell.pictures[-1]
    assert "errors 1" in cell.pictures[-1]
    assert printed.getvalue() == ""
