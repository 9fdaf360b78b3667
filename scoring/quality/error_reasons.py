"""Why images of a run could not be scored."""

from collections import Counter

import pyarrow as pa

_NUM_LOOKED_AT = 10_000  # reasons may name their image, and be as many


class ErrorReasons:
    """Looks at the first 10,000 error rows of a run, one shard at a time."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._room = _NUM_LOOKED_AT

    def add(self, table: pa.Table) -> None:
        """Look at the rows of a shard."""
        if self._room:
            reasons = table["error_message"].drop_null().slice(0, self._room).to_pylist()
            self._counts.update(reasons)
            self._room -= len(reasons)

    def most_frequent(self) -> str | None:
        """The reason that most of them have; None if there are none."""
        return max(self._counts, key=self._counts.__getitem__, default=None)
