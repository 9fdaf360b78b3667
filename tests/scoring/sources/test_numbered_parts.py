"""Names say which files belong together, and so which of them is missing."""

from collections.abc import Sequence

import pytest

from scoring.sources.numbered_parts import absent_parts


@pytest.mark.parametrize(
    ("names", "absent"),
    [
        (["train-00000-of-00003.parquet", "train-00002-of-00003.parquet"], ["train-00001-of-00003.parquet"]),
        (["a/x-01-of-03.tar.gz", "a/x-03-of-03.tar.gz", "b/x-02-of-03.tar.gz"], ["a/x-02-of-03.tar.gz"] * 1),
        (["train-00000-of-00002-6b2f6a3d.parquet", "train-00001-of-00002-0f11.parquet"], []),
        (["train-00000-of-00002-6b2f6a3d.parquet"], ["train-00001-of-00002.parquet"]),
        (["0-of-1.parquet", "1-of-2", "part-0.parquet", "one-of-00002.parquet", "x-00000-of-00001.parquet"], []),
        (["train-00000-of-00002.parquet", "train-00001-of-00002.tar"], ["train-00001-of-00002.parquet"]),
        (["train-00000-of-00000.parquet"], []),
    ],
)
def test_file_that_others_belong_to_by_their_names_is_told(names: Sequence[str], absent: Sequence[str]) -> None:
    found = list(absent_parts(names))
    assert found[: len(absent)] == absent
    assert bool(found) == bool(absent)
