"""What `embed` leaves, as Python has it."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from scoring.models.embedding import EMBEDDING, WIDTH_KEY, of_one_length
from scoring.run.fingerprint import Fingerprint
from scoring.run.folder import RunFolder
from scoring.run.reader import RunReader, check_not_replaced
from scoring.run.summary import Summary
from scoring.storage.locations import Location


@dataclass(frozen=True)
class Embeddings:
    """The vectors of a collection, complete.

    Attributes:
        path: The run folder, absolute.
        summary: What this call did: how many images, how fast, what bound it.
        fingerprint: What the vectors go by, as in `run.json`.
        digest: SHA-256 over them.
    """

    path: Location
    summary: Summary
    fingerprint: Fingerprint
    digest: str | None = None

    def table(self, columns: Iterable[str] | None = None) -> pa.Table:
        """Load one row for each image, in natural order of the ids.

        Args:
            columns: Only these, or the one of this name, of `image_id`, `path`, `status`, `error_message`, `target` and
                `embedding`, which is a list of one length, and null for what could not be read.

        Raises:
            RequestError: If there is no such column.
            RunFolderError: If the folder holds another run now, or rows were embedded anew since.
            IncompleteError: If a shard has gone missing since, or is damaged.
        """
        table = RunReader(RunFolder(self.path), expected=self.fingerprint, digest=self.digest).read(columns)
        if EMBEDDING not in table.column_names:
            return table
        vectors = of_one_length(table[EMBEDDING], int(table.schema.metadata[WIDTH_KEY]))
        return table.set_column(table.column_names.index(EMBEDDING), EMBEDDING, vectors)

    def check_not_replaced(self) -> None:
        """Refuse to go on where its vectors are no longer in its folder; what takes a result in a path's place asks.

        Raises:
            RunFolderError: If the folder holds another run now, or rows were embedded anew since.
        """
        folder = RunFolder(self.path)
        check_not_replaced(folder, folder.load_record(), self.fingerprint, self.digest)
