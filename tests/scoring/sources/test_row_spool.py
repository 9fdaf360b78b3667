import os
from collections.abc import Iterator

import pyarrow as pa
import pytest

from scoring.errors import StorageError
from scoring.sources.row_spool import RowSpool

_SCHEMA = pa.schema({"path": pa.string()})


@pytest.fixture
def spool() -> Iterator[RowSpool]:
    filled = RowSpool(_SCHEMA)
    for start in range(0, 30, 10):
        filled.add(pa.record_batch({"path": [f"{row}.jpg" for row in range(start, start + 10)]}))
    yield filled
    filled.close()


def _num_open() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_rows_are_read_again_wherever_they_begin(spool: RowSpool) -> None:
    spool.seal()
    assert spool.num_rows == 30
    assert spool.rows(8, 21)["path"].to_pylist() == [f"{row}.jpg" for row in range(8, 21)]
    assert [len(batch) for batch in spool.batches()] == [10, 10, 10]


def test_one_descriptor_is_held_until_it_is_closed(spool: RowSpool) -> None:
    """A billion rows are sorted in thousands of spools that are open at once."""
    before = _num_open()
    spool.seal()
    assert _num_open() == before
    spool.close()
    assert _num_open() == before - 1


def test_fault_of_the_disk_is_told_in_the_system_s_own_words(spool: RowSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    real = pa.OSFile
    monkeypatch.setattr(pa, "OSFile", lambda path: real(f"{path}/absent"))
    with pytest.raises(StorageError, match=r"^Cannot sort the list of images in \S+: Not a directory\.$"):
        spool.seal()
