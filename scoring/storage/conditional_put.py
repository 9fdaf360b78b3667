"""Write an object only if nobody else has written it since: its store compares, or else a look just before does."""

import errno
import time
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from scoring.errors import BucketError
from scoring.storage.bucket_answers import refuses_conditions
from scoring.storage.bucket_clients import bucket_faults, open_to_write
from scoring.storage.bucket_settings import server_of
from scoring.storage.urls import Url, Version

_TRIED_AGAIN_AFTER_S = (0.2, 0.5, 1.0, 2.0, 4.0)
_without_conditions: set[tuple[str, str, str]] = set()  # servers, schemes and buckets that know none of writes


def put_if(url: Url, version: Version | None, content: bytes) -> bool:
    """Write an object if it is of this version still, or for None, if it does not exist.

    Looks first, for servers that ignore the condition or do not know it: with those, two that write in the same moment
    both succeed.

    Returns:
        Whether it was written.
    """
    place = (server_of(url.scheme), url.scheme, url.bucket)
    if place in _without_conditions:
        return _put_unless_seen(url, version, content)
    if _present_version(url) != version:
        return False
    mode: Any = "create" if version is None else version
    with bucket_faults(url):
        store = open_to_write(url.scheme, url.bucket, len(content))
        try:
            obstore.put(store, url.object_key, content, mode=mode)
            return True
        except (AlreadyExistsError, PreconditionError):
            return False
        except (BaseError, NotImplementedError) as error:
            if not refuses_conditions(error):
                raise
    if is_written := _put_unless_seen(url, version, content):
        _without_conditions.add(place)
    return is_written


def _put_unless_seen(url: Url, version: Version | None, content: bytes) -> bool:
    """Write it without a condition, but look right before each attempt, which the client would not."""
    store = open_to_write(url.scheme, url.bucket, len(content), is_repeated=False)
    is_tried = False
    for wait_s in (*_TRIED_AGAIN_AFTER_S, None):
        if _present_version(url) != version:
            return is_tried and url.read_bytes() == content  # an answer may be lost, and the content there
        try:
            with bucket_faults(url):
                obstore.put(store, url.object_key, content, use_multipart=False)
            return True
        except BucketError as error:
            if wait_s is None or error.errno != errno.EREMOTEIO:
                raise
        is_tried = True
        time.sleep(wait_s)
    return False


def _present_version(url: Url) -> Version | None:
    try:
        return url.size_and_version()[1]
    except FileNotFoundError:
        return None
