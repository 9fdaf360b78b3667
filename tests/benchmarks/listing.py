"""A million images listed into a manifest: seconds, peak memory and size, from a real folder and from a bucket.

    python -m tests.benchmarks.listing --num-images 1000000

The folder holds that many empty files, a thousand in each of its own; the bucket's server makes up its answers, a
thousand objects each, as they are asked for, so that it costs nothing itself. Each listing runs in a fresh process.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scoring.process.memory import peak_memory_bytes
from scoring.run.manifest import default_shard_size, write_manifest
from scoring.sources.inputs import find_images
from scoring.storage.locations import locate
from tests.local_server import serving

_PAGE = 1000
_STAMP = "2026-01-01T00:00:00.000Z"


def image_name(number: int) -> str:
    """Where image `number` lies; in another order than the natural one."""
    return f"class-{number % 1000:04d}/image_{number}.jpg"


@contextmanager
def made_up_bucket(num_images: int) -> Iterator[str]:
    """Serve `s3://bucket/train` with this many objects; yields the endpoint."""
    names = sorted(image_name(number) for number in range(num_images))

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            start = int(query.get("continuation-token", ["0"])[0])
            body = _page(names, start).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Quiet."""

    with serving(Answers) as address:
        yield address


def _page(names: list[str], start: int) -> str:
    """One answer to ListObjectsV2."""
    objects = "".join(
        f"<Contents><Key>train/{name}</Key><LastModified>{_STAMP}</LastModified><Size>100000</Size></Contents>"
        for name in names[start : start + _PAGE]
    )
    more = start + _PAGE < len(names)
    token = f"<NextContinuationToken>{start + _PAGE}</NextContinuationToken>" if more else ""
    return f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{objects}</ListBucketResult>"


def fill_folder(folder: Path, num_images: int) -> None:
    """Create the files, all of them empty."""
    for number in range(min(1000, num_images)):
        (folder / image_name(number)).parent.mkdir()
    for number in range(num_images):
        os.close(os.open(folder / image_name(number), os.O_CREAT | os.O_WRONLY))


def measure(images: str, manifest: Path) -> None:
    """List and write, and print what it took."""
    base_mb = peak_memory_bytes() / 1e6
    started = time.perf_counter()
    listing = find_images(locate(images))
    found = time.perf_counter()
    shard_size = default_shard_size(len(listing.images))
    info = write_manifest(manifest, listing.images, shard_size, listing.num_left_out)
    peak_mb = peak_memory_bytes() / 1e6
    print(
        f"{info.num_images:,} images in {info.num_shards:,} shards: listed and sorted {found - started:.1f} s, "
        f"manifest {time.perf_counter() - found:.1f} s ({time.process_time():.1f} s of processor in all), "
        f"{manifest.stat().st_size / 1e6:.1f} MB; peak memory {peak_mb:.0f} MB, {base_mb:.0f} MB before"
    )


def main() -> None:
    """Measure folder and bucket, or in a process of its own one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-images", type=int, default=1_000_000)
    parser.add_argument("--measure", nargs=2, metavar=("IMAGES", "MANIFEST"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]))
        return
    command = [sys.executable, "-m", "tests.benchmarks.listing", "--measure"]
    with tempfile.TemporaryDirectory() as scratch:
        manifest = f"{scratch}/manifest.parquet"
        with made_up_bucket(options.num_images) as endpoint:
            environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_SKIP_SIGNATURE": "true"}
            print("bucket:", flush=True)
            subprocess.run([*command, "s3://bucket/train", manifest], check=True, env=environment)
        folder = Path(scratch) / "images"
        folder.mkdir()
        fill_folder(folder, options.num_images)
        print("folder:", flush=True)
        subprocess.run([*command, str(folder), manifest], check=True)


if __name__ == "__main__":
    main()
