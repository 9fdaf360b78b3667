"""The clients of buckets: set up by the environment, one for each bucket; their errors are told as those of a disk."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

from scoring.errors import BucketError, RequestError, UnreachableError
from scoring.storage.bucket_answers import absence_of, fault_of, words_of_settings
from scoring.storage.bucket_settings import PAUSE_S, check_settings, client_options, named_by, server_of, variables

# Less than the read of an image may take by default. Where packets are dropped, each attempt takes 5 s, and a read that
# is given up before the last says nothing of the bucket: each of its images would hang as long.
_PATIENCE = timedelta(seconds=45)
_SLOWEST_BYTES_PER_S = 100_000
_PANIC = "PanicException"  # pyo3 derives it from BaseException, and there is no module to import it from


def open_bucket(scheme: str, bucket: str) -> ObjectStore:
    """The client of one bucket: it keeps connections, signs, and repeats what failed.

    It does so up to ten times, as Rust's object_store does by default (`RetryConfig`), and begins no further attempt
    after three quarters of a minute instead of three. A notebook may change the environment between two calls: each
    one has clients of its own.

    Args:
        scheme: `s3`, `gs` or `az`.
        bucket: The bucket's name, in Azure the container's.

    Raises:
        RequestError: If a profile of the environment cannot be used.
        UnreachableError: If something else in the environment cannot, such as a file of credentials or an endpoint.
        BucketError: If no bucket has such a name.
    """
    return _opened(scheme, bucket, None)


def open_to_write(scheme: str, bucket: str, size_bytes: int, is_repeated: bool = True) -> ObjectStore:
    """The same for one PUT of so many bytes, which has time enough over a slow line; a caller may repeat it itself."""
    limit_s = PAUSE_S
    while limit_s * _SLOWEST_BYTES_PER_S < size_bytes:
        limit_s *= 2  # so that a few clients serve all
    return _opened(scheme, bucket, None if limit_s == PAUSE_S else limit_s, is_repeated)


def _opened(scheme: str, bucket: str, put_s: int | None, is_repeated: bool = True) -> ObjectStore:
    try:
        return _client(scheme, bucket, put_s, is_repeated, variables())
    except BaseError as error:
        words = words_of_settings(error)
        raise UnreachableError(errno.EACCES, words + named_by(scheme, words), f"{scheme}://{bucket}") from error


@cache
def _client(
    scheme: str,
    bucket: str,
    put_s: int | None,
    is_repeated: bool,
    settings: frozenset[tuple[str, str | None]],  # noqa: ARG001
) -> ObjectStore:
    check_settings(scheme, bucket)
    options: dict[str, Any] = {
        "retry_config": {"retry_timeout": _PATIENCE},
        "client_options": client_options(scheme, put_s),
    }
    if not is_repeated:
        options["retry_config"]["max_retries"] = 0
    if scheme == "gs":
        return GCSStore(bucket, **options)
    if server := server_of(scheme):  # of two variables for it the client takes any
        options["endpoint"] = server
    if scheme == "az":
        return AzureStore(bucket, **options)
    if _has_profiles() and not {"AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE"} & set(os.environ):
        options["credential_provider"] = _profile_credentials()
    return S3Store(bucket, **options)


def _has_profiles() -> bool:
    """Whether `aws configure` was here, or a profile is named."""
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or Path.home() / ".aws" / "credentials"
    config = os.environ.get("AWS_CONFIG_FILE") or Path.home() / ".aws" / "config"
    return bool(os.environ.get("AWS_PROFILE")) or Path(file).is_file() or Path(config).is_file()


def _profile_credentials() -> Any:
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError as error:
        raise RequestError(
            "Expected boto3, which reads the profiles in ~/.aws; it is not installed. Use pip install "
            "'shardscore[s3]', or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ) from error
    try:
        return Boto3CredentialProvider()
    except Exception as error:  # botocore: no such profile, no credentials in it
        profile = os.environ.get("AWS_PROFILE", "default")
        raise RequestError(f"Cannot use the AWS profile {profile!r}: {error}.") from error


@contextmanager
def bucket_faults(url: object) -> Iterator[None]:
    """Turn a client's errors in the block into those of the operating system, each of one line about `url`.

    Raises:
        FileNotFoundError: If there is no such object.
        UnreachableError: If there is no connection or no such bucket, or the credentials are refused, expired or
            missing.
        BucketError: For all else; its `errno` is EACCES where this object is refused, otherwise EREMOTEIO.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise absence_of(error, str(url)) from error
    except BaseError as error:
        fault = fault_of(error, str(url))
        if isinstance(fault, UnreachableError):
            _client.cache_clear()  # a login or a proxy, of which no variable of these tells, may mend it
        raise fault from error
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise BucketError(errno.EREMOTEIO, "its client failed, as the lines above say", str(url)) from error
