"""Which answers of a bucket concern one object, and which all of them."""

import errno
import re
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from obstore.exceptions import GenericError
from obstore.store import GCSStore, ObjectStore, S3Store

from jobs.score.request import READ_TIMEOUT_S
from scoring.errors import BucketError, UnreachableError
from scoring.storage.bucket_clients import open_bucket, open_to_write
from scoring.storage.bucket_settings import server_of
from scoring.storage.urls import Url
from tests.local_server import serving


class _Server(BaseHTTPRequestHandler):
    """Answers `/bucket/403_AccessDenied` with this status and this code."""

    def do_GET(self) -> None:
        status, code = self.path.rpartition("/")[2].split("_")
        said = f"<Error><Code>{code}</Code><Message>Anonymous caller</Message></Error>"
        content = said.encode() if code != "Unsaid" else b""
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


def _client(address: str) -> S3Store:
    """As `open_bucket` makes it, but without patience."""
    return S3Store(
        "bucket",
        endpoint=address,
        region="us-east-1",
        access_key_id="id",
        secret_access_key="secret",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


@pytest.fixture
def server_address() -> Iterator[str]:
    with serving(_Server) as address:
        yield address


@pytest.fixture
def server(server_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = _client(server_address)
    monkeypatch.setattr("scoring.storage.bucket_clients.open_bucket", lambda scheme, bucket: client)


def _fault_of(key: str) -> OSError:
    with pytest.raises(OSError, match=key) as raised:
        Url("s3", "bucket", key).read_bytes()
    return raised.value


@pytest.mark.parametrize("key", ["400_ExpiredToken", "403_ExpiredToken", "403_InvalidAccessKeyId", "401_Unsaid"])
def test_credentials_that_are_refused_are_refused_for_every_object(server: None, key: str) -> None:
    fault = _fault_of(key)
    assert isinstance(fault, UnreachableError)
    assert "access denied: " in str(fault)


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("403_AccessDenied", errno.EACCES),
        ("403_InvalidObjectState", errno.EACCES),  # S3 Glacier
        ("401_AuthenticationRequired", errno.EACCES),  # Google, unsigned
        ("400_KMS.DisabledException", errno.EREMOTEIO),
        ("500_InternalError", errno.EREMOTEIO),
        ("503_SlowDown", errno.EREMOTEIO),
    ],
)
def test_what_a_bucket_answers_about_one_object_concerns_that_object(server: None, key: str, number: int) -> None:
    fault = _fault_of(key)
    assert type(fault) is BucketError
    assert fault.errno == number


def test_a_refusal_without_words_is_told_alike_however_long_it_took(server: None) -> None:
    told = str(_fault_of("403_Unsaid"))
    assert re.search(r"access denied: .* GET http://\S+/403_Unsaid - Server returned .* 403 Forbidden", told)
    assert str(_fault_of("403_Unsaid")) == told


def test_a_client_that_gets_no_token_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    words = (
        "Generic GCS error: Error performing token request: Error performing GET http://169.254.169.254/computeMetadata"
    )

    def refuse(*arguments: object, **options: object) -> None:
        raise GenericError(words)

    monkeypatch.setattr("scoring.storage.bucket_clients.open_bucket", lambda scheme, bucket: None)
    monkeypatch.setattr("obstore.get", refuse)
    fault = _fault_of("photo.png")
    assert isinstance(fault, UnreachableError)
    assert "no credentials where this runs: " in str(fault)


def test_a_bucket_without_connection_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _client("http://127.0.0.1:9")
    monkeypatch.setattr("scoring.storage.bucket_clients.open_bucket", lambda scheme, bucket: client)
    assert isinstance(_fault_of("photo.png"), UnreachableError)


def test_a_condition_that_nobody_named_and_a_store_refuses_is_a_fault_of_the_bucket(server: None) -> None:
    with pytest.raises(BucketError, match="PreconditionFailed"):
        Url("s3", "bucket", "412_PreconditionFailed").write_bytes(b"")


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_bucket_is_given_up_before_the_read_of_an_image_in_it(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the last attempt, of 5 s: else each image of a bucket behind a firewall hangs, and its actor with it."""
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    client = open_bucket(scheme, "patience")
    assert isinstance(client, S3Store | GCSStore)
    patience = client.retry_config
    assert patience
    assert patience["retry_timeout"].total_seconds() + 5 < READ_TIMEOUT_S


@pytest.mark.parametrize(
    ("scheme", "variable", "value"),
    [
        ("s3", "AWS_ENDPOINT_URL", "minio:9000"),
        ("s3", "AWS_ENDPOINT_URL", "http://127.0.0.1:9\n"),
        ("s3", "AWS_ENDPOINT_URL_S3", "http://127.0.0.1:99999"),
        ("s3", "AWS_ENDPOINT_URL", "http://a b:9"),
        ("s3", "AWS_ENDPOINT", "minio:9000"),
        ("gs", "GOOGLE_BASE_URL", "fake:4443"),
        ("az", "AZURE_STORAGE_ENDPOINT", "ftp://azurite"),
        ("s3", "AWS_REGION", "eu-west-1\n"),
        ("s3", "AWS_REGION", "eu west 1"),
        ("s3", "AWS_DEFAULT_REGION", "eu-west-1 "),
        ("s3", "AWS_ACCESS_KEY_ID", "KEY\r"),
        ("s3", "AWS_SESSION_TOKEN", "a\x7ftoken"),
        ("az", "AZURE_STORAGE_ACCOUNT_NAME", "account\n"),
    ],
)
def test_what_no_request_can_be_made_of_is_told_by_its_variable_without_its_value(
    scheme: str, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION"):  # by which a region may not count
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(variable, value)
    with pytest.raises(UnreachableError, match=f"^{scheme}://bucket: Expected {variable} (as|in) .*") as raised:
        Url(scheme, "bucket", "photo.png").read_bytes()
    assert value not in str(raised.value).partition(variable)[2]
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("scheme", "variable"),
    [
        *[("s3", "AWS_ENDPOINT_URL"), ("s3", "AWS_ENDPOINT_URL_S3"), ("s3", "AWS_ENDPOINT")],
        *[("gs", "GOOGLE_BASE_URL"), ("az", "AZURE_STORAGE_ENDPOINT"), ("az", "AZURE_ENDPOINT")],
    ],
)
def test_a_server_that_is_named_by_nothing_is_told_by_its_variable(
    scheme: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `${AWS_ENDPOINT_URL:-}` of Compose does, at which the client panics."""
    for other in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(variable, "")
    with pytest.raises(UnreachableError, match=f"^{scheme}://bucket: Expected {variable} as .*; it is empty"):
        Url(scheme, "bucket", "photo.png").read_bytes()


@pytest.mark.parametrize(
    ("variable", "first", "is_told"),
    [
        ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", True),
        ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", False),
        ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", False),
        ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", False),
    ],
)
def test_an_empty_name_of_a_server_beside_another_is_told_where_the_client_takes_it(
    server_address: str, variable: str, first: str, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv(first, server_address)
    monkeypatch.setenv(variable, "")
    with pytest.raises(BucketError, match=f"Expected {variable} as" if is_told else "AccessDenied"):
        Url("s3", "bucket", "403_AccessDenied").read_bytes()


@pytest.mark.parametrize(
    ("scheme", "variable", "value"),
    [
        ("s3", "AWS_SKIP_SIGNATURE", ""),
        ("s3", "AWS_VIRTUAL_HOSTED_STYLE_REQUEST", " "),
        ("s3", "AWS_UNSIGNED_PAYLOAD", "maybe"),
        ("s3", "AWS_CHECKSUM_ALGORITHM", ""),
        ("gs", "GOOGLE_SERVICE_ACCOUNT", ""),
        ("gs", "GOOGLE_APPLICATION_CREDENTIALS", ""),
        ("az", "AZURE_SKIP_SIGNATURE", ""),
    ],
)
def test_a_setting_that_the_client_refuses_is_told_by_its_variable(
    scheme: str, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv(variable, value)
    with pytest.raises(UnreachableError, match=f"^{scheme}://bucket: Generic .*; see {variable}, set to") as raised:
        Url(scheme, "bucket", "photo.png").read_bytes()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "my minio pässword\n"),
        ("AWS_ACCESS_KEY_ID", "jürgen s\t"),
        ("AWS_SESSION_TOKEN", " "),
        ("AWS_REGION", "us east "),
        ("AWS_DEFAULT_REGION", "us-east-1\n"),  # another one counts
        ("AZURE_STORAGE_ACCOUNT_NAME", "a\n"),
        ("AWS_TIMEOUT", "30"),
        ("AWS_TIMEOUT", "0"),
        ("AWS_CONNECT_TIMEOUT", "5"),
        ("AWS_READ_TIMEOUT", "PT30S"),
        ("AWS_ROOT_CERTIFICATE", "/etc/ssl/cert.pem"),
        ("AWS_HTTP2_ONLY", "maybe"),
    ],
)
def test_what_requests_can_be_made_of_is_taken(
    server_address: str, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real client, which panics at what cannot be in a header."""
    for name, usual in (("ACCESS_KEY_ID", "id"), ("SECRET_ACCESS_KEY", "secret"), ("REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", usual)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server_address)
    monkeypatch.setenv(variable, value)
    assert type(_fault_of("403_AccessDenied")) is BucketError


def test_a_server_may_be_named_by_the_clients_shorter_word(
    server_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for longer in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(longer, raising=False)
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "True")
    monkeypatch.setenv("AWS_ENDPOINT", server_address)
    assert server_of("s3") == server_address
    assert type(_fault_of("403_AccessDenied")) is BucketError


@pytest.mark.parametrize(
    ("scheme", "first", "second"),
    [
        ("s3", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        ("s3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
        ("az", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
    ],
)
@pytest.mark.parametrize("is_set_last", [False, True])
def test_of_two_names_of_a_server_the_client_takes_the_one_that_objects_are_known_by(
    server_address: str, scheme: str, first: str, second: str, is_set_last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SKIP_SIGNATURE", "AZURE_SKIP_SIGNATURE"):
        monkeypatch.setenv(name, "True")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    for name in (second, first) if is_set_last else (first, second):
        monkeypatch.setenv(name, server_address if name == first else "http://127.0.0.1:9")
    assert server_of(scheme) == server_address
    with pytest.raises(BucketError, match="Anonymous caller"):
        Url(scheme, "bucket", "403_AccessDenied").read_bytes()


def test_keys_that_sign_nothing_are_not_looked_at(server_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server_address)
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "True")
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "REGION"):
        monkeypatch.setenv(f"AWS_{name}", "a b\n")
    assert type(_fault_of("403_AccessDenied")) is BucketError


@pytest.mark.parametrize("name", ["a b", "<bucket>", "{bucket}", "b%", "ü", ".."])
def test_a_name_that_no_bucket_has_is_told(name: str) -> None:
    with pytest.raises(BucketError, match="Expected a bucket's name of letters") as raised:
        list(Url("s3", name, "photos").objects())
    assert raised.value.errno == errno.EINVAL


def test_a_panic_of_the_client_is_a_fault_of_the_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):  # as pyo3 calls it
        pass

    def panic(*arguments: object, **options: object) -> None:
        raise PanicException("request valid: InvalidUri(InvalidUriChar)")

    monkeypatch.setattr("scoring.storage.bucket_clients.open_bucket", lambda scheme, bucket: None)
    monkeypatch.setattr("obstore.get", panic)
    assert type(_fault_of("photo.png")) is BucketError


def test_a_transfer_may_take_as_long_as_bytes_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG16's 528 MB take more than an hour over a line of 1 Mbit/s, by which they shall come and go."""
    reader, writer, small = open_bucket("s3", "b"), open_to_write("s3", "b", 528_000_000), open_to_write("s3", "b", 9)
    assert _limits(reader) == ("1day", "30s")
    assert _limits(writer) == ("2h 8m", None)  # a pause would be seen in each PUT that takes longer
    assert small is reader
    monkeypatch.setenv("AWS_TIMEOUT", "5m")
    assert _limits(open_bucket("s3", "b")) == ("5m", "30s")


def _limits(client: ObjectStore) -> tuple[object, object]:
    assert isinstance(client, S3Store)
    options = client.client_options or {}
    return options.get("timeout"), options.get("read_timeout")


def test_settings_of_the_connection_in_the_environment_count(
    server_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client reads none of them where it is given any."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://bucket.example")
    monkeypatch.setenv("AWS_PROXY_URL", server_address)
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with pytest.raises(BucketError, match="access denied: AccessDenied"):
        Url("s3", "bucket", "403_AccessDenied").read_bytes()


_CONTENT = bytes(range(250)) * 32_000


class _Cut(BaseHTTPRequestHandler):
    """Ends each answer after 2,500,000 bytes."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(_CONTENT) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(_CONTENT) - 1}/{len(_CONTENT)}")
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(_CONTENT[start : start + 2_500_000])
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


def test_a_download_goes_on_where_a_connection_was_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.storage.bucket_clients._PATIENCE", timedelta(0))
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with serving(_Cut) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        place = Url("s3", "bucket", "model.keras")
        place.download(tmp_path / "model.keras", place.look())
    assert (tmp_path / "model.keras").read_bytes() == _CONTENT


def test_an_object_that_is_not_there_is_no_fault_of_the_bucket(server: None) -> None:
    assert isinstance(_fault_of("404_NoSuchKey"), FileNotFoundError)
