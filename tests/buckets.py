"""A bucket on this machine, for tests: Moto answers as S3 does, over HTTP, in a thread of its own.

With SHARDSCORE_S3=http://127.0.0.1:9000 and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY the tests use another server.
"""

import logging
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import boto3
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer

from scoring.storage.locations import Url, locate

_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "the-key-of-the-tests",
    "AWS_SECRET_ACCESS_KEY": "the-secret-of-the-tests",
}


@contextmanager
def s3_server() -> Iterator[str]:
    """Serve S3 while the block runs, with the environment set for it; yields the endpoint."""
    other_server = os.environ.get("SHARDSCORE_S3")
    if other_server:
        with _environment({"AWS_ENDPOINT_URL": other_server, "AWS_REGION": "us-east-1"}):
            yield other_server
        return
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with (
        patch.object(S3Response, "put_object", _put_alone),
        _environment({**_CREDENTIALS, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint}),
    ):
        yield endpoint
    server.stop()


_putting = threading.Lock()
_put_object = S3Response.put_object


def _put_alone(response: S3Response) -> Any:
    """Compare and write in one step, as S3 does: of two that write in the same moment Moto 5.2 lets both succeed."""
    with _putting:
        return _put_object(response)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables of the environment while the block runs."""
    before = {name: os.environ.pop(name, None) for name in variables}
    os.environ |= variables
    yield
    for name, value in before.items():
        del os.environ[name]
        if value is not None:
            os.environ[name] = value


def new_bucket() -> Url:
    """An empty bucket of its own."""
    name = f"tests{uuid.uuid4().hex[:12]}"  # Moto does not know a hyphen that Google's client has encoded
    _client().create_bucket(Bucket=name)
    bucket = locate(f"s3://{name}")
    assert isinstance(bucket, Url)
    return bucket


def remove_bucket(bucket: Url) -> None:
    """Remove an empty bucket."""
    _client().delete_bucket(Bucket=bucket.bucket)


def publish(url: Url, content: bytes) -> None:
    """Write an object that everybody may read."""
    _client().put_object(Bucket=url.bucket, Key=url.key, Body=content, ACL="public-read")


def _client() -> Any:
    return _client_of(os.environ["AWS_ENDPOINT_URL"])


@cache
def _client_of(endpoint: str) -> Any:
    """One for all objects of a server: making one takes longer than writing an object."""
    return boto3.client("s3", endpoint_url=endpoint)


def put_object(bucket: Url, key: str, content: bytes) -> None:
    """Write an object of any key, also of one that a `Url` cannot have."""
    _client().put_object(Bucket=bucket.bucket, Key=key, Body=content)


def put_marker(bucket: Url, key: str) -> None:
    """Write what consoles write for a folder: an empty object whose key ends with a slash."""
    put_object(bucket, key, b"")
