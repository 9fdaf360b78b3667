"""Remove objects of a bucket, of which some may be gone: another removed them, or the answer to a first try was lost.

Amazon's answer well of an object that is not there; where one of their kind says 404, it does not know the request.
Google's and Azure's say 404, to a whole list of objects for one.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import obstore
from obstore.exceptions import GenericError
from obstore.store import AzureStore, GCSStore, ObjectStore
from tenacity import retry_if_exception

from scoring.storage.retrying import patiently

_SAYING_404 = (AzureStore, GCSStore)
_SIDE_BY_SIDE = 16
_SLOWER = 10  # times, than of a disk, is asked again
_REPEATED = re.compile("after [1-9][0-9]* retries")  # by the client, which repeats no list of Azure's that was reset


def remove_object(store: ObjectStore, key: str) -> None:
    """Remove an object, unless it is gone."""
    try:
        _delete(store, key)
    except FileNotFoundError:
        if not isinstance(store, _SAYING_404):
            raise


def remove_objects(store: ObjectStore, keys: Sequence[str]) -> None:
    """Remove several with one request where a store knows such; each by itself where one is gone."""
    try:
        _delete(store, keys)
    except FileNotFoundError:  # the others may be left
        if not isinstance(store, _SAYING_404):
            raise
        with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="remove") as threads:
            list(threads.map(partial(remove_object, store), keys))


def _delete(store: ObjectStore, keys: str | Sequence[str]) -> None:
    patiently(_SLOWER).copy(retry=retry_if_exception(_is_to_repeat))(obstore.delete, store, keys)


def _is_to_repeat(error: BaseException) -> bool:
    return isinstance(error, GenericError) and not _REPEATED.search(str(error))
