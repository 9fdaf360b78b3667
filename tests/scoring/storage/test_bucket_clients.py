"""Which answers of a bucket concern one object, and which all of them."""

import errno
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from obstore.exceptions import GenericError
from obstore.store import GCSStore, S3Store

from jobs.score.request import READ_TIMEOUT_S
from scoring.errors import BucketError, UnreachableError
from scoring.storage.bucket_clients import open_bucket
from scoring.storage.urls import Url


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
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    client = _client(f"http://127.0.0.1:{running.server_port}")
    monkeypatch.setattr("scoring.storage.urls.open_bucket", lambda scheme, bucket: client)
    yield
    running.shutdown()
    running.server_close()


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


def test_a_client_that_gets_no_token_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    words = (
        "Generic GCS error: Error performing token request: Error performing GET http://169.254.169.254/computeMetadata"
    )

    def refuse(*arguments: object) -> None:
        raise GenericError(words)

    monkeypatch.setattr("scoring.storage.urls.open_bucket", lambda scheme, bucket: None)
    monkeypatch.setattr("obstore.get", refuse)
    fault = _fault_of("photo.png")
    assert isinstance(fault, UnreachableError)
    assert "no credentials where this runs: " in str(fault)


def test_a_bucket_without_connection_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    client = _client("http://127.0.0.1:9")
    monkeypatch.setattr("scoring.storage.urls.open_bucket", lambda scheme, bucket: client)
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


def test_an_object_that_is_not_there_is_no_fault_of_the_bucket(server: None) -> None:
    assert isinstance(_fault_of("404_NoSuchKey"), FileNotFoundError)
