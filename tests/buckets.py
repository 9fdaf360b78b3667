"""A bucket on this machine, for tests: Moto answers as S3 does, over HTTP, in a thread or a process of its own."""

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from scoring import storage
from scoring.storage import Url, locate

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "the-key-of-the-tests",
    "AWS_SECRET_ACCESS_KEY": "the-secret-of-the-tests",
    "AWS_REGION": "us-east-1",
}


@contextmanager
def s3_server() -> Iterator[str]:
    """Serve S3 while the block runs, with the environment set for it; yields the endpoint."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    before = dict(os.environ)
    os.environ |= {**_ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    storage._store.cache_clear()
    try:
        yield os.environ["AWS_ENDPOINT_URL"]
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        storage._store.cache_clear()
        server.stop()


def new_bucket() -> Url:
    """An empty bucket of its own."""
    name = f"tests{uuid.uuid4().hex[:12]}"  # Moto does not know a hyphen that Google's client has encoded
    _client().create_bucket(Bucket=name)
    bucket = locate(f"s3://{name}")
    assert isinstance(bucket, Url)
    return bucket


def publish(url: Url, content: bytes) -> None:
    """Write an object that everybody may read."""
    _client().put_object(Bucket=url.bucket, Key=url.key, Body=content, ACL="public-read")


def _client() -> Any:
    return boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
