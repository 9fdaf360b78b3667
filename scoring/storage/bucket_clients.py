"""The clients of buckets: set up by the environment, one for each bucket; their errors are told as those of a disk."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

from scoring.errors import BucketError, RequestError, UnreachableError

_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_SETTINGS = ("AWS_", "AZURE_", "GOOGLE_")  # how the variables begin that a client is set up by
# Less than the read of an image may take by default. Where packets are dropped, each attempt takes 5 s, and a read that
# is given up before the last says nothing of the bucket: each of its images would hang as long.
_PATIENCE = timedelta(seconds=45)
_ASKED_FOR_A_ROLE = re.compile("/latest/(api/token|meta-data/iam)")  # what a client without keys asks a machine of AWS
_NO_CREDENTIALS = (
    "no credentials: AWS_ACCESS_KEY_ID is not set where this runs, and the machine gives no role. Set it with "
    "AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket. "
)
_NO_TOKEN = "Error performing token request"  # of Google's and Azure's clients, without a key
# Of all requests alike: Amazon's list of error codes of S3, Microsoft's of storage.
_OF_CREDENTIALS = frozenset(
    {"AccountProblem", "AllAccessDisabled", "AuthenticationFailed", "ExpiredToken", "InvalidAccessKeyId"}
    | {"InvalidAuthenticationInfo", "InvalidSecurity", "InvalidToken", "NotSignedUp", "RequestTimeTooSkewed"}
    | {"TokenRefreshRequired"}
)
_OF_BUCKETS = frozenset({"NoSuchBucket", "ContainerNotFound"})
_WITHOUT_CREDENTIALS = "Anonymous caller"  # Google refuses one object with 401 where nothing is signed
_INVALID_KEY = re.compile(r'Encountered object with invalid path: .*?"(?P<key>.*?)"(?=: | contained)', re.DOTALL)
_UNTRUSTED = "InvalidCertificate"  # rustls' word
_NO_CONNECTION = "error sending request"  # reqwest's words, after all attempts
_ANSWER = re.compile("<Code>(?P<code>[^<]*)</Code>.*?<Message>(?P<message>[^<]*)</Message>")


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
        UnreachableError: If something else in the environment cannot, such as a file of credentials.
    """
    settings = frozenset((name, os.environ.get(name)) for name in os.environ if name.startswith(_SETTINGS))  # in 13 us
    try:
        return _client(scheme, bucket, settings)
    except BaseError as error:
        raise UnreachableError(errno.EACCES, _one_line(error), f"{scheme}://{bucket}") from error


@cache
def _client(scheme: str, bucket: str, settings: frozenset[tuple[str, str | None]]) -> ObjectStore:  # noqa: ARG001
    endpoint = next((os.environ[name] for name in _ENDPOINTS[scheme] if os.environ.get(name)), "")
    options: dict[str, Any] = {"retry_config": {"retry_timeout": _PATIENCE}}
    if endpoint.startswith("http://"):
        options["client_options"] = {"allow_http": True}
    if scheme == "gs":
        return GCSStore(bucket, **options)
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
        raise _absence(error, str(url)) from error
    except BaseError as error:
        fault = _fault(error, str(url))
        if isinstance(fault, UnreachableError):
            _client.cache_clear()  # a login or a proxy, of which no variable of these tells, may mend it
        raise fault from error


def _fault(error: BaseError, url: str) -> BucketError:
    text, words = str(error), _one_line(error)
    if listed := _INVALID_KEY.match(text):
        words = (
            "Expected keys without control characters, empty parts, `.` and `..` between slashes; a list with "
            f"{listed['key']!r} in it cannot be read. Rename or remove that object, or name a prefix without it."
        )
    if _ASKED_FOR_A_ROLE.search(text):
        return UnreachableError(errno.EACCES, _NO_CREDENTIALS + words, url)
    if _UNTRUSTED in text:
        words = f"the server's certificate is not trusted; SSL_CERT_FILE names a file of those that are. {words}"
        return UnreachableError(errno.EACCES, words, url)
    if _NO_TOKEN in text:
        return UnreachableError(errno.EACCES, f"no credentials where this runs: {words}", url)
    said = _ANSWER.search(text)
    is_unknown = isinstance(error, UnauthenticatedError) and _WITHOUT_CREDENTIALS not in text
    if is_unknown or (said and said["code"] in _OF_CREDENTIALS):
        return UnreachableError(errno.EACCES, f"access denied: {words}", url)
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return BucketError(errno.EACCES, f"access denied: {words}", url)
    return (UnreachableError if _NO_CONNECTION in text else BucketError)(errno.EREMOTEIO, words, url)


def _absence(error: FileNotFoundError, url: str) -> OSError:
    """What a store means by 404: that of a look has no words, and may mean the bucket as well."""
    said = _ANSWER.search(str(error))
    if said and said["code"] in _OF_BUCKETS:
        return UnreachableError(errno.ENOENT, _one_line(error), url)
    return FileNotFoundError(errno.ENOENT, "no such object or bucket", url)


def _one_line(error: Exception) -> str:
    """What the store said: its code and message if it sent them, without the client's view of its data structures."""
    text = " ".join(str(error).partition("Debug source")[0].split())
    said = _ANSWER.search(text)
    return f"{said['code']}: {said['message']}"[:300] if said else text[:300]
