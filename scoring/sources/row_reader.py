"""Read the images that a table's rows name, each wherever it lies."""

import time

from scoring.errors import ImageError, OutOfReachError, RequestError, UnreachableError
from scoring.sources.encoded_images import read_image
from scoring.sources.entries import ImageEntry
from scoring.storage.locations import Location, bucket_of, file_below, locate
from scoring.storage.web import WebUrl, web_url

_ASK_AGAIN_S = 60.0  # a bucket that was out of reach: each of its rows would wait for it, some seconds or a minute


class RowReader:
    """Reads images of a table of paths; safe to call from several threads.

    Args:
        folder: What relative paths start at.
    """

    def __init__(self, folder: Location) -> None:
        self._folder = folder
        self._out_of_reach: dict[str, tuple[float, str]] = {}  # by bucket since when, and why

    def __call__(self, image: ImageEntry) -> bytes:
        """Read one image.

        Raises:
            ImageError: If it cannot be read; an OutOfReachError if its bucket cannot.
        """
        if image.position is not None:
            raise ImageError("the table's row names no image")
        try:
            location = web_url(image.path) or located(self._folder, image.path)
        except RequestError as error:
            raise ImageError(str(error)) from error
        bucket = bucket_of(location)
        return self._read_of(bucket, location) if bucket else read_image(location)

    def _read_of(self, bucket: str, location: Location | WebUrl) -> bytes:
        since, reason = self._out_of_reach.get(bucket, (0.0, ""))
        if reason and time.monotonic() - since < _ASK_AGAIN_S:
            raise OutOfReachError(f"{bucket}: {reason}")
        try:
            return read_image(location)
        except (ImageError, RequestError) as error:
            cause = error.__cause__ if isinstance(error, ImageError) else error
            if not isinstance(cause, UnreachableError | RequestError):
                raise
            reason = str(cause.strerror) if isinstance(cause, UnreachableError) else str(cause)
            self._out_of_reach[bucket] = time.monotonic(), reason
            raise OutOfReachError(f"{bucket}: {reason}") from cause


def located(folder: Location, path: str) -> Location:
    """The place that a row's path means.

    Raises:
        RequestError: If it is a URL that names no object.
    """
    location = locate(path)
    return location if location.is_absolute() else file_below(folder, path)
