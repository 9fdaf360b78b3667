"""Names say which files belong together, and so which of them is missing."""

from collections.abc import Sequence

import pytest

from scoring.sources.image_finder import Account
from scoring.sources.numbered_parts import absent_parts


@pytest.mark.parametrize(
    ("names", "absent"),
    [
        (["train-00000-of-00003.parquet", "train-00002-of-00003.parquet"], ["train-00001-of-00003.parquet"]),
        (["a/x-01-of-03.tar.gz", "a/x-03-of-03.tar.gz", "b/x-02-of-03.tar.gz"], []),
        (["a/x-00-of-03.tar", "b/x-02-of-03.tar"], ["a/x-01-of-03.tar"]),
        (["a/x-00-of-02.tar", "b/x-00-of-02.tar", "b/x-01-of-02.tar"], ["a/x-01-of-02.tar"]),
        (["x-01-of-03.tar"], ["x-00-of-03.tar or x-03-of-03.tar", "x-02-of-03.tar"]),
        (["x-02-of-03.tar", "x-03-of-03.tar"], ["x-01-of-03.tar"]),
        (["x-00-of-02.tar", "x-01-of-02.tar", "x-02-of-02.tar", "x-07-of-02.tar"], []),
        (["train-00000-of-00002-6b2f6a3d.parquet", "train-00001-of-00002-0f11.parquet"], []),
        (["train-00000-of-00002-6b2f6a3d.parquet"], ["train-00001-of-00002.parquet"]),
        (["0-of-1.parquet", "1-of-2", "part-0.parquet", "one-of-00002.parquet", "x-00000-of-00001.parquet"], []),
        (
            ["train-00000-of-00002.parquet", "train-00001-of-00002.tar"],
            ["train-00001-of-00002.parquet", "train-00000-of-00002.tar or train-00002-of-00002.tar"],
        ),
        (["train-00000-of-00000.parquet"], []),
    ],
)
def test_file_that_others_belong_to_by_their_names_is_told(names: Sequence[str], absent: Sequence[str]) -> None:
    sets = list(absent_parts(names))
    found = [name for absent in sets for name in absent.names]
    assert found == absent
    assert sum(absent.num_parts for absent in sets) == len(absent)


def test_no_more_names_are_made_than_are_shown() -> None:
    account = Account()
    account.count_absent(["a-01-of-9999999.tar", "b-00-of-12.tar"])
    (left,) = account.left_out()
    assert (left.count, len(left.first)) == (9_999_998 + 11, 5)
    (absent,) = absent_parts(["a-01-of-9999999.tar"])
    assert (absent.num_parts, next(absent.names)) == (9_999_998, "a-0000000-of-9999999.tar or a-9999999-of-9999999.tar")
