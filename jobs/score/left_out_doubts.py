"""What the user may have meant to be scored, of what a listing leaves out."""

from scoring.sources.entries import LeftOut
from scoring.sources.image_finder import Reason
from scoring.storage.walking import Fault

_BESIDE_IMAGES = "not looked into, as there are other images"
# What is said of one, and of several.
_TOLD: dict[str, tuple[str, str]] = {
    Fault.UNREADABLE: (
        "1 file or folder cannot be read, and nothing there is scored",
        "{} files or folders cannot be read, and nothing there is scored",
    ),
    Reason.NO_END: (
        "1 tar has no zeros at the end and may be cut off, and only what is there is scored",
        "{} tars have no zeros at the end and may be cut off, and only what is there is scored",
    ),
    Reason.HOLE: (
        "1 tar has zeros where photos may have been (copy it again), and only what is there is scored",
        "{} tars have zeros where photos may have been (copy them again), and only what is there is scored",
    ),
    Reason.ARCHIVE: (
        f"1 archive is {_BESIDE_IMAGES} (name one, or a folder of tars, to read it)",
        f"{{}} archives are {_BESIDE_IMAGES} (name one, or a folder of tars, to read it)",
    ),
    Reason.PART: (
        "1 file is a part of an archive, and nothing in it is scored (put the parts together)",
        "{} files are parts of archives, and nothing in them is scored (put the parts together)",
    ),
    Reason.PACKED_TAR: (
        "1 tar is compressed by what is not unpacked here, and nothing in it is scored (unpack it)",
        "{} tars are compressed by what is not unpacked here, and nothing in them is scored (unpack them)",
    ),
    Reason.ABSENT: (
        "1 file is missing, by the names of others, and only what is there is scored",
        "{} files are missing, by the names of others, and only what is there is scored",
    ),
    Reason.UNNAMED_TABLE: (
        "1 file is Parquet, though not by its name, and no row of it is scored (call it .parquet)",
        "{} files are Parquet, though not by their names, and no row of them is scored (call them .parquet)",
    ),
    Reason.TABLE: (
        f"1 table is {_BESIDE_IMAGES} (name the column of images to read it)",
        f"{{}} tables are {_BESIDE_IMAGES} (name the column of images to read it)",
    ),
}


def doubt_about(left: LeftOut, num_images: int) -> str | None:
    """What to tell of all that was left out for one reason; None where nobody will miss it."""
    if left.reason == Reason.TABLE and left.count < num_images:  # they may be of labels
        return None
    if left.reason not in _TOLD:
        return None
    of_one, of_several = _TOLD[left.reason]
    return of_one if left.count == 1 else of_several.format(f"{left.count:,}")
