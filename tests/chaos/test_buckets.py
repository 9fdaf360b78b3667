"""A bucket that fails, slows down, answers late, twice or by halves: from bucket to bucket, every row is right."""

import io
import random
import time
from collections.abc import Iterator

import pytest
from PIL import Image

from scoring.errors import ScoringError
from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from scoring.storage.locations import Url
from tests.chaos.flaky_bucket import FlakyBucket
from tests.chaos.oracle import TABLE, Row
from tests.chaos.plan import seeds
from tests.chaos.without_ray import score_here
from tests.runs import read_predictions

_NUM_IMAGES, _ATTEMPTS = 16, 6


@pytest.fixture
def photos(bucket: Url) -> Url:
    """16 pictures, one of them broken."""
    for number in range(1, _NUM_IMAGES + 1):
        buffer = io.BytesIO()
        Image.new("RGB", (4, 4), (number * 15,) * 3).save(buffer, "PNG")
        (bucket / "photos" / f"{number}.png").write_bytes(b"<html>" if number == 5 else buffer.getvalue())
    return bucket / "photos"


@pytest.fixture
def undisturbed(photos: Url) -> list[Row]:
    score_here(photos, photos.parent / "undisturbed")
    rows: list[Row] = read_predictions(photos.parent / "undisturbed" / "predictions").to_pylist()
    return rows


@pytest.fixture
def flaky(
    s3: str, photos: Url, undisturbed: list[Row], monkeypatch: pytest.MonkeyPatch, seed: int
) -> Iterator[FlakyBucket]:
    """The way to the bucket; unharmed at first."""
    flaky = FlakyBucket(s3, random.Random(seed))
    with flaky.serve():
        monkeypatch.setenv("AWS_ENDPOINT_URL", flaky.url)
        yield flaky


@seeds(7, short=0)
def test_buckets_fail_slow_down_and_answer_late_or_twice(
    flaky: FlakyBucket, photos: Url, undisturbed: list[Row], seed: int
) -> None:
    tally, started = TABLE.of("buckets_fail_slow_down_and_answer_late_or_twice"), time.monotonic()
    output = photos.parent / "run"
    flaky.rate = 0.12
    for _ in range(_ATTEMPTS):
        try:
            score_here(photos, output)
            break
        except ScoringError as error:
            assert "\n" not in str(error)
    flaky.rate = 0.0
    score_here(photos, output)
    tally.runs, tally.faults = tally.runs + 1, tally.faults + flaky.num_faults
    tally.seconds += time.monotonic() - started
    assert run_status(RunFolder(output), verify=True).is_complete
    tally.check(read_predictions(output / "predictions").to_pylist(), undisturbed)
    assert not (output / "lease.json").exists()
