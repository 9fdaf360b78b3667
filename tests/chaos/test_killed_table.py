from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.benchmarks.free_run import draw_table, score_free
from tests.benchmarks.killed_table import check_rows, score_with_kills
from tests.runs import record_of

_ROWS, _SHARD_SIZE = 4000, 20


@pytest.mark.slow
def test_table_whose_driver_is_killed_twice_has_every_row_once(tmp_path: Path) -> None:
    table = draw_table(tmp_path / "table.parquet", _ROWS, in_order=False)
    drivers = score_with_kills(table, tmp_path / "run", _SHARD_SIZE, _ROWS // _SHARD_SIZE)
    assert drivers[0].num_shards < drivers[1].num_shards < drivers[2].num_shards == _ROWS // _SHARD_SIZE
    check_rows(tmp_path / "run", _ROWS)


@pytest.mark.parametrize("in_order", [True, False])
def test_drawn_table_is_scored_in_natural_order_and_what_is_wrong_is_seen(tmp_path: Path, in_order: bool) -> None:
    table = draw_table(tmp_path / "table.parquet", 500, in_order)
    assert np.array_equal(np.sort(pq.read_table(table)["size"]), np.sort(1000 + np.arange(1, 501) * 7919 % 100_003))
    score_free(table, tmp_path / "run", 20)
    check_rows(tmp_path / "run", 500)
    assert record_of(tmp_path / "run").num_shards == 25
    with pytest.raises(AssertionError, match="500 rows of 501"):
        check_rows(tmp_path / "run", 501)
    rows = pq.read_table(table)
    pq.write_table(rows.set_column(2, "size", pa.array(np.roll(rows["size"], 1))), table)
    score_free(table, tmp_path / "other", 20)
    with pytest.raises(AssertionError, match="other answers in shard 0"):
        check_rows(tmp_path / "other", 500)
