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
from urllib.parse import urlsplit

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, HTTPStore, ObjectStore, S3Store

from scoring.errors import BucketError, RequestError, UnreachableError

_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_SETTINGS = {"s3": "AWS_", "az": "AZURE_", "gs": "GOOGLE_"}  # how the variables begin that a client is set up by
_SIGNED_WITH = ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")  # and sent in a header; a secret key is not
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")  # the first counts
_ACCOUNTS = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_ACCOUNT_NAME")
_NO_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, 5.5
_NO_HOST = re.compile("[^!-~]|[%:]")
_TRUE = frozenset({"1", "true", "on", "yes", "y"})  # as object_store reads them
_BUCKET = re.compile(r"(?!\.{1,2}$)[\w.$-]{1,255}", re.ASCII)
# Less than the read of an image may take by default. Where packets are dropped, each attempt takes 5 s, and a read that
# is given up before the last says nothing of the bucket: each of its images would hang as long.
_PATIENCE = timedelta(seconds=45)
# What may come or go without a pause, as gigabytes over a slow line. Of a whole transfer there is a limit for what is
# written alone: until its answer begins, the client sees no pause.
_PAUSE_S = 30
_LONGEST_READ = timedelta(days=1)
_SLOWEST_BYTES_PER_S = 100_000
_CLIENT_OPTIONS = (
    *("allow_http", "allow_invalid_certificates", "connect_timeout", "http1_only", "http2_only", "pool_idle_timeout"),
    *("proxy_ca_certificate", "proxy_excludes", "proxy_url", "randomize_addresses", "read_timeout", "timeout"),
    *("root_certificate", "user_agent"),
)
_PANIC = "PanicException"  # pyo3 derives it from BaseException, and there is no module to import it from
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
_OF_SETTINGS = frozenset({"NotImplemented", "InvalidArgument", "InvalidRequest"})  # of a request, which not all know
_UNKNOWN_TO_SERVER = "status code: 501"  # of one that says no more
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
        UnreachableError: If something else in the environment cannot, such as a file of credentials or an endpoint.
        BucketError: If no bucket has such a name.
    """
    return _opened(scheme, bucket, None)


def open_to_write(scheme: str, bucket: str, size_bytes: int, is_repeated: bool = True) -> ObjectStore:
    """The same for one PUT of so many bytes, which has time enough over a slow line; a caller may repeat it itself."""
    limit_s = _PAUSE_S
    while limit_s * _SLOWEST_BYTES_PER_S < size_bytes:
        limit_s *= 2  # so that a few clients serve all
    return _opened(scheme, bucket, None if limit_s == _PAUSE_S else limit_s, is_repeated)


def _opened(scheme: str, bucket: str, put_s: int | None, is_repeated: bool = True) -> ObjectStore:
    begin = tuple(_SETTINGS.values())
    settings = frozenset((name, os.environ.get(name)) for name in os.environ if name.startswith(begin))  # in 13 us
    try:
        return _client(scheme, bucket, put_s, is_repeated, settings)
    except BaseError as error:
        raise UnreachableError(errno.EACCES, _one_line(error), f"{scheme}://{bucket}") from error


@cache
def _client(
    scheme: str,
    bucket: str,
    put_s: int | None,
    is_repeated: bool,
    settings: frozenset[tuple[str, str | None]],  # noqa: ARG001
) -> ObjectStore:
    _check(scheme, bucket)
    options: dict[str, Any] = {"retry_config": {"retry_timeout": _PATIENCE}}
    if not is_repeated:
        options["retry_config"]["max_retries"] = 0
    options["client_options"] = _client_options(scheme, put_s)
    if scheme == "gs":
        return GCSStore(bucket, **options)
    if scheme == "az":
        return AzureStore(bucket, **options)
    if _has_profiles() and not {"AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE"} & set(os.environ):
        options["credential_provider"] = _profile_credentials()
    return S3Store(bucket, **options)


def server_of(scheme: str) -> str:
    """The address of the server that the environment names; empty for the cloud's own."""
    return _endpoint(scheme)[1]


def refuses_conditions(error: Exception) -> bool:
    """Whether a store says that it knows no condition of a write."""
    said = _ANSWER.search(str(error))
    is_unknown = _UNKNOWN_TO_SERVER in str(error) or (said is not None and said["code"] == "NotImplemented")
    return is_unknown or isinstance(error, NotImplementedError)


def refuses_setting(error: Exception) -> bool:
    """Whether a store may have refused a request for a setting in it, which not every server knows."""
    said = _ANSWER.search(str(error))
    return _UNKNOWN_TO_SERVER in str(error) or (said is not None and said["code"] in _OF_SETTINGS)


def _client_options(scheme: str, put_s: int | None) -> dict[str, Any]:
    """How to connect: what the environment says of it goes first, which the client does not read where any is given."""
    options: dict[str, Any] = {"timeout": timedelta(seconds=put_s)} if put_s else {"timeout": _LONGEST_READ}
    if not put_s:
        options["read_timeout"] = timedelta(seconds=_PAUSE_S)
    named = {option: os.environ.get(f"{_SETTINGS[scheme]}{option.upper()}") for option in _CLIENT_OPTIONS}
    options |= {option: value for option, value in named.items() if value and _is_taken(option, value)}
    if server_of(scheme).startswith("http://"):
        options["allow_http"] = True
    return options


@cache
def _is_taken(option: str, value: str) -> bool:
    """Whether the client can use it in this form: some mean a number of seconds, or a file, by the same variables."""
    if option.startswith("proxy_"):  # nothing goes past a proxy because its address is wrong
        return True
    if option.endswith("timeout") and not value.strip("0"):
        return False
    try:
        options: Any = {option: value}
        HTTPStore("http://127.0.0.1", client_options=options)
    except (BaseError, ValueError):
        return False
    return True


def _endpoint(scheme: str) -> tuple[str, str]:
    """The variable that names the server, and its value; both empty where none does."""
    return next(((name, os.environ[name]) for name in _ENDPOINTS[scheme] if os.environ.get(name)), ("", ""))


def _check(scheme: str, bucket: str) -> None:
    """Refuse what no request can be made of, at which the client panics; values are not shown, they may be secret."""
    place = f"{scheme}://{bucket}"
    if not _BUCKET.fullmatch(bucket):
        text = "Expected a bucket's name of letters, digits, dots, hyphens and underscores; received another"
        raise BucketError(errno.EINVAL, text, place)
    variable, endpoint = _endpoint(scheme)
    if endpoint and not _is_address(endpoint):
        text = (
            f"Expected {variable} as http://host:port or https://host, without white space; it is set to something else"
        )
        raise UnreachableError(errno.EACCES, text, place)
    for name in _unsendable(scheme, is_in_host=not endpoint):
        text = f"Expected {name} in one line, without characters that cannot be sent; such a one is in it"
        raise UnreachableError(errno.EACCES, text, place)


def _unsendable(scheme: str, is_in_host: bool) -> Iterator[str]:
    """The variables that are used and hold what their place in a request cannot."""
    sent: tuple[str, ...] = _ACCOUNTS if scheme == "az" else ()
    if scheme == "s3":
        region = next((name for name in _REGIONS if name in os.environ), None)
        if region and is_in_host and _NO_HOST.search(os.environ[region]):
            yield region
        is_signed = os.environ.get("AWS_SKIP_SIGNATURE", "").lower() not in _TRUE
        sent = (*_SIGNED_WITH, region or "") if is_signed else ()
    yield from (name for name in sent if _NO_HEADER.search(os.environ.get(name, "")))


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(
            re.fullmatch("[!-~]+", text) and parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        )
    except ValueError:  # no port, half of an IPv6 address
        return False


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
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise BucketError(errno.EREMOTEIO, "its client failed, as the lines above say", str(url)) from error


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
