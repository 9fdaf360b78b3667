import os

import pytest

from scoring.networks.engines import num_threads


@pytest.mark.parametrize(
    ("told", "expected"), [("3", 3), ("4,2", 4), (" 2 ", 2), ("", None), ("0", None), ("all", None)]
)
def test_threads_are_those_of_the_outermost_loops_or_one_for_each_core(
    told: str, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert num_threads() == (expected or os.cpu_count())
