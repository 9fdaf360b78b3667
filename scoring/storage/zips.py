"""Tell zips: the standard library takes what keeps one from being read for another kind of file."""

import zipfile
from typing import IO, Any

from scoring.errors import ChangedError
from scoring.storage.reading import Place, open_file
from scoring.storage.retrying import patiently


def holds_zip(place: Place) -> bool:
    """Whether a file is a zip by its end.

    Raises:
        OSError: If it cannot be read.
    """
    try:
        return patiently()(_holds_zip, place)
    except ChangedError:  # replaced since it was opened
        return _holds_zip(place)


def _holds_zip(place: Place) -> bool:
    with open_file(place) as file:
        file.seek(0, 2)  # of an object, its size is asked for
        watched = _Watched(file)
        is_zip = zipfile.is_zipfile(watched)
    if watched.fault:
        raise watched.fault
    return is_zip


class _Watched:
    """An open file that keeps what its last read raised; a place before its begin is no fault of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.seek, self.tell = file.seek, file.tell
        self._file = file
        self.fault: OSError | None = None

    def read(self, *arguments: Any) -> bytes:
        """See `io.RawIOBase.read`."""
        try:
            return self._file.read(*arguments)
        except OSError as error:
            self.fault = error
            raise
