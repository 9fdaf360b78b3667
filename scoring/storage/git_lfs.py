"""Pointers, which a clone has for the files of Git LFS as long as these are not fetched.

Source: github.com/git-lfs/git-lfs, docs/spec.md.
"""

from scoring.errors import BucketError
from scoring.storage.reading import Place, read_range

POINTER = "Git LFS pointer"
HEAD = b"version https://git-lfs.github.com/spec/v1"
ADVICE = "Fetch the file itself by `git lfs pull`."


def is_pointer(content: bytes) -> bool:
    """Whether a file is one, by its content or the first bytes of that."""
    return content.startswith(HEAD)


def pointer_hint(place: Place) -> str:
    """What a message ends with of a file that cannot be read because it is one; else nothing.

    Raises:
        BucketError: If the file's bucket cannot be reached.
    """
    try:
        head = read_range(place, 0, len(HEAD))
    except BucketError:
        raise
    except OSError:
        return ""
    return f" It is a {POINTER}. {ADVICE}" if is_pointer(head) else ""
