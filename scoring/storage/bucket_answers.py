"""What a store's answers, and its client's errors, mean of an object, or of all of a bucket."""

import errno
import re

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from scoring.errors import BucketError, UnreachableError

_ASKED_FOR_A_ROLE = re.compile("/latest/(api/token|meta-data/iam)")  # what a client without keys asks a machine of AWS
_NO_CREDENTIALS = (
    "no credentials: AWS_ACCESS_KEY_ID is not set where this runs, and the machine gives no role. Set it with "
    "AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket. "
)
_NO_ACCOUNT = "Account must be specified"  # of Azure's
_ACCOUNT_MISSING = "no account: AZURE_STORAGE_ACCOUNT_NAME is not set where this runs, and az://container/key needs it"
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
_BROKEN_OFF = re.compile("request or response body error|error decoding response body")
_NO_WHOLE_LIST = "Got invalid list response: "  # of an answer without a length, or that is another's
_TOOK = re.compile(r" in [\d.]+(ns|µs|ms|s)\b")  # told by the client: reasons that differ by it alone are one
_ANSWER = re.compile("<Code>(?P<code>[^<]*)</Code>.*?<Message>(?P<message>[^<]*)</Message>")


def refuses_conditions(error: Exception) -> bool:
    """Whether a store says that it knows no condition of a write."""
    said = _ANSWER.search(str(error))
    is_unknown = _UNKNOWN_TO_SERVER in str(error) or (said is not None and said["code"] == "NotImplemented")
    return is_unknown or isinstance(error, NotImplementedError)


def refuses_setting(error: Exception) -> bool:
    """Whether a store may have refused a request for a setting in it, which not every server knows."""
    said = _ANSWER.search(str(error))
    return _UNKNOWN_TO_SERVER in str(error) or (said is not None and said["code"] in _OF_SETTINGS)


def breaks_off(error: BaseException) -> bool:
    """Whether an answer began well and ended early."""
    return _BROKEN_OFF.search(str(error)) is not None


def breaks_off_a_list(error: BaseException) -> bool:
    """Whether that of a list may have, for which the client does not ask again."""
    return isinstance(error, BaseError) and (breaks_off(error) or _NO_WHOLE_LIST in str(error))


def words_of_settings(error: BaseError) -> str:
    """Why no client can be made of what the environment says."""
    words = one_line(error)
    return _ACCOUNT_MISSING if _NO_ACCOUNT in words else words


def fault_of(error: BaseError, url: str) -> BucketError:
    """The error of the operating system that a client's stands for."""
    text, words = str(error), one_line(error)
    if listed := _INVALID_KEY.match(text):
        words = (
            "Expected keys without control characters, empty parts, `.` and `..` between slashes; a list with "
            f"{listed['key']!r} in it cannot be read. Rename or remove that object, or name a prefix without it."
        )
    if breaks_off_a_list(error):
        words = f"expected a whole answer; it broke off, or is another's, also when it was asked for again: {words}"
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


def absence_of(error: FileNotFoundError, url: str) -> OSError:
    """What a store means by 404: that of a look has no words, and may mean the bucket as well."""
    said = _ANSWER.search(str(error))
    if said and said["code"] in _OF_BUCKETS:
        return UnreachableError(errno.ENOENT, one_line(error), url)
    return FileNotFoundError(errno.ENOENT, "no such object or bucket", url)


def one_line(error: Exception) -> str:
    """What the store said: its code and message if it sent them, or the client's words, without its data structures."""
    text = _TOOK.sub("", " ".join(str(error).partition("Debug source")[0].split())).rstrip(" :")
    said = _ANSWER.search(text)
    return f"{said['code']}: {said['message']}"[:300] if said else text[:300]
