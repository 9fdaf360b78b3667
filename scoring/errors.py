"""What can go wrong in the world, as one visible tree.

`ValueError` stays for a caller's slip in our own code; these are the faults of files, models and folders.
"""


class ScoringError(Exception):
    """Base of all faults raised by `scoring`; its text is one line meant for the user."""


class RequestError(ScoringError):
    """The request makes no sense; nothing was scored. The command exits with 2."""


class ImagesError(RequestError):
    """The images cannot be found or listed."""


class ModelError(RequestError):
    """The model, its weights or its labels do not fit together."""


class SonarError(RequestError):
    """The sonar file is not what UCI publishes."""


class RunFolderError(RequestError):
    """The output folder belongs to something else."""


class IncompleteError(ScoringError):
    """Something is missing, and is named. The command exits with 1."""


class DownloadError(IncompleteError):
    """A file could not be downloaded, or its checksum differs."""


class StorageError(IncompleteError):
    """The output cannot be written, or a run not read now: a full disk, a folder closed to us, a mount that is gone.

    Attributes:
        place: The file that its text names, where another's may say the same; None where nothing tells.
    """

    place: str | None = None


class LeaseLostError(IncompleteError):
    """Another driver writes to the run folder now; this one must not."""


class BucketError(StorageError, OSError):
    """A bucket cannot be reached, or refuses; an `OSError` too, so that it is met where a disk's errors are."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class UnreachableError(BucketError):
    """A bucket answers this process nothing: no connection, or no valid credentials. Or a place of images is gone."""


class ChangedError(StorageError, OSError):
    """A file is no longer the one that was listed, or this machine has another in its place."""

    def __str__(self) -> str:
        return (
            f"{self.filename} is not the file that was listed. If it was replaced, run again; if not, this node has a "
            "copy of its own: put one file where all nodes see it."
        )


class TooLargeError(ScoringError):
    """A file has more bytes than its reader takes."""


class ImageError(ScoringError):
    """One image cannot be read or decoded. It becomes a row with `status="error"`, never a crash."""


class PluginError(ImageError):
    """The image's format takes a package that this machine lacks, and may have at another time."""


class BusyError(ImageError):
    """The image was not decoded in time, on a machine that may have been busy with other work."""


class OutOfReachError(ImageError):
    """The bucket that a table's row names is out of reach; those of other rows may not be. Its text begins with it."""


def one_line(error: Exception) -> str:
    """An error's text without line breaks and the dot at its end; of a long one, how it begins."""
    return " ".join(str(error).split())[:200].removesuffix(".")
