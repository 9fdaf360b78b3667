"""What to say of a collection without images: what there is instead, and what to name."""

from collections.abc import Sequence

from scoring.errors import ImagesError
from scoring.sources.entries import ImageSource, LeftOut
from scoring.sources.image_finder import Reason
from scoring.sources.suffixes import is_tar
from scoring.sources.tar_images import TarSource
from scoring.sources.zip_images import ZipSource
from scoring.storage.locations import Location, file_below

_NAMED = 3  # paths of each kind in a message


def nothing_found(location: Location, source: ImageSource, left_out: tuple[LeftOut, ...]) -> ImagesError:
    """What to raise for a collection without images; its text says what there is instead."""
    archives = [path for reason in left_out if reason.reason == Reason.ARCHIVE for path in reason.first]
    parts = [f"{part.reason}: {part.count:,} ({', '.join(part.first[:_NAMED])})" for part in left_out]
    num_files = sum(part.count for part in left_out)
    files = "1 file" if num_files == 1 else f"{num_files:,} files"
    held = f": {'; '.join(parts)}" if parts else ""
    return ImagesError(
        f"Expected at least one image in {location}; found none among {files}{held}."
        f"{_advice(location, source, archives)}"
    )


def _advice(location: Location, source: ImageSource, archives: Sequence[str]) -> str:
    """How to name the first of the archives that can be named; an archive within a tar is read by no name."""
    for archive in archives:
        if isinstance(source, ZipSource):
            way = source.way_to(location, archive)
        else:
            way = location / archive if location.is_dir() and file_below(location, archive).is_file() else None
        if way:
            return f" Name an archive, as {way}."
    in_tar = (any(is_tar(step) for step in archive.split("/")[:-1]) for archive in archives)
    if archives and (isinstance(source, TarSource) or any(in_tar)):
        return " Archives within a tar are not read: unpack the tar."
    return ""
