"""What lies directly in a prefix of a bucket, as one answer of the store tells it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import obstore
from obstore.exceptions import GenericError
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store
from tenacity import retry_if_exception

from scoring.storage.bucket_answers import breaks_off_a_list, refuses_setting
from scoring.storage.bucket_settings import server_of
from scoring.storage.retrying import patiently
from scoring.storage.stamps import object_stamp
from scoring.storage.urls import LISTED_AT_ONCE

# An object's key, its size in bytes and its stamp, or what else was asked for.
Listed: TypeAlias = tuple[str, int, int]
Tell: TypeAlias = Callable[[Mapping[str, Any]], int]
_OF_VOLUMES = "-ext-s3alias"  # Amazon FSx, of an access point that has no bucket behind it
_SLOWER = 10  # times, than of a disk, is asked again
_T = TypeVar("_T")


class Folder:
    """What lies directly in a prefix: objects, and the keys of folders.

    Attributes:
        is_slashed: Whether some keys begin with a slash; the whole bucket alone lists them, without it.
    """

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store, self._key = store, key
        found = unbroken(lambda: obstore.list_with_delimiter(store, key or None))
        self.objects = listed(found["objects"])
        self.folders = [folder for folder in found["common_prefixes"] if folder]
        self.is_slashed = "" in found["common_prefixes"]

    def is_whole(self) -> bool:
        """Whether this is all; False also where the server does not say, and where it names nothing."""
        names = [name for name, _, _ in self.objects] + [f"{folder}0" for folder in self.folders]  # `0` follows `/`
        if not names:
            return False
        if not can_begin_anywhere(self._store):
            return True
        try:
            return not _has_any(self._store, self._key, max(names)) and self.is_answered()
        except GenericError as error:
            if refuses_setting(error) and len(names) % LISTED_AT_ONCE:
                return True
            raise

    def is_answered(self) -> bool:
        """Whether the server gives lists, of which one that is empty is then to be believed."""
        return is_answered(self._store, self._key)

    @property
    def only(self) -> str | None:
        """The one folder in it, if there is nothing else."""
        return self.folders[0] if len(self.folders) == 1 and not self.objects else None


def slashed_bucket(store: ObjectStore, key: str) -> Folder | None:
    """The whole bucket, if some of its keys begin with a slash."""
    folder = None if key else Folder(store, key)
    return folder if folder and folder.is_slashed else None


def listed(objects: Iterable[Mapping[str, Any]], tell: Tell = object_stamp) -> list[Listed]:
    """Objects as the store's answer has them."""
    return [(meta["path"], meta["size"], tell(meta)) for meta in objects]


def is_answered(store: ObjectStore, key: str) -> bool:
    """Whether the server gives the beginning of a list that is not empty."""
    return _has_any(store, key)


def unbroken(ask: Callable[[], _T]) -> _T:
    """What `ask` gets of a list, up to six times where the answer breaks off."""
    return patiently(_SLOWER).copy(retry=retry_if_exception(breaks_off_a_list))(ask)


def _has_any(store: ObjectStore, key: str, behind: str | None = None) -> bool:
    return unbroken(lambda: next(obstore.list(store, key or None, offset=behind, chunk_size=1), None)) is not None


def can_begin_anywhere(store: ObjectStore) -> bool:
    """Whether lists can be asked for from a place on; those of Azure and S3 Express have none."""
    return not (isinstance(store, AzureStore) or _is_express(store))


def is_in_byte_order(store: ObjectStore) -> bool:
    """Whether lists are known to come in the order of the keys' bytes: those of Amazon's and Google's own servers.

    Another's may walk folders, which looks the same within one of them; so may a volume of Amazon FSx.
    """
    names_server = server_of("gs" if isinstance(store, GCSStore) else "s3")
    is_volume = store.config.get("bucket", "").endswith(_OF_VOLUMES) if isinstance(store, S3Store) else False
    return can_begin_anywhere(store) and not names_server and not is_volume


def _is_express(store: ObjectStore) -> bool:
    """Whether it is a directory bucket of Amazon or an access point of one: it knows no `start-after`, and no order."""
    return isinstance(store, S3Store) and store.config.get("bucket", "").endswith(("--x-s3", "--xa-s3"))
