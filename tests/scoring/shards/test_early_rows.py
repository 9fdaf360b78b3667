"""Shards that are scored before their manifest is there are those that would have been scored after it, or none."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scoring.errors import LeaseLostError
from scoring.pixels.decoding import Resize
from scoring.run.fence import Fence
from scoring.run.folder import RunFolder
from scoring.run.manifest import write_manifest
from scoring.shards.early_rows import publish_early
from scoring.shards.early_shard import EarlyShard
from scoring.shards.report import ShardReport
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.shards.shard_files import ShardFiles
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import find_images
from tests.fakes import FAKE_MODEL, load_fake
from tests.places import on_disk

_SHARD_SIZE = 5


@pytest.fixture
def settings(photos: Path, tmp_path: Path) -> ScorerSettings:
    (photos / "2.png").write_text("<html>")
    return ScorerSettings(photos, tmp_path / "run", FAKE_MODEL, Resize.SQUASH, batch_size=4, decode_threads=2)


def _score_early(settings: ScorerSettings, images: Sequence[ImageEntry], shard_id: int = 0) -> ShardReport:
    some = [replace(image, image_id="") for image in images[shard_id * _SHARD_SIZE :][:_SHARD_SIZE]]
    return ShardScorer(settings, load_fake)(EarlyShard(shard_id, some))


def _list(settings: ScorerSettings, images: Sequence[ImageEntry]) -> ShardFiles:
    RunFolder(settings.output).predictions.mkdir(parents=True, exist_ok=True)
    write_manifest(RunFolder(settings.output).manifest, images, _SHARD_SIZE, 0)
    return ShardFiles(settings, ShardScorer(settings, load_fake).description)


def test_an_early_shard_is_the_file_that_a_later_one_is(settings: ScorerSettings) -> None:
    images, folder = find_images(settings.images).images, RunFolder(settings.output)
    early = [_score_early(settings, images, shard_id) for shard_id in range(3)]
    assert not on_disk(folder.path).exists()
    files = _list(settings, images)
    published = [publish_early(report, files) for report in early]
    contents = [folder.shard(shard_id, 3).read_bytes() for shard_id in range(3)]
    for shard_id, report in enumerate(published):
        folder.shard(shard_id, 3).unlink()
        later = ShardScorer(settings, load_fake)(shard_id)
        assert report
        assert (report.digest, report.num_images, report.num_errors) == (
            later.digest,
            later.num_images,
            later.num_errors,
        )
        assert report.rows is None
        assert folder.shard(shard_id, 3).read_bytes() == contents[shard_id]


@pytest.mark.parametrize(
    "listed",
    [
        lambda images: [*images[1:], images[0]],
        lambda images: [images[0], replace(images[1], size_bytes=images[1].size_bytes + 1), *images[2:]],
        lambda images: [*images[:4], replace(images[4], stamp=17), *images[5:]],
        lambda images: [*images[:4], replace(images[4], position=17), *images[5:]],
        lambda images: [*images[:4], replace(images[4], path="other.png"), *images[5:]],
        lambda images: images[:4],
    ],
)
def test_a_shard_of_other_images_than_the_manifest_has_is_left_to_be_scored(
    settings: ScorerSettings, listed: object
) -> None:
    images = find_images(settings.images).images
    report = _score_early(settings, images)
    assert callable(listed)
    assert publish_early(report, _list(settings, listed(images))) is None
    assert RunFolder(settings.output).missing_shards(1) == [0]


def test_a_shard_that_the_manifest_has_not_is_left(settings: ScorerSettings) -> None:
    images = find_images(settings.images).images
    report = _score_early(settings, images, shard_id=1)
    assert publish_early(report, _list(settings, images[:_SHARD_SIZE])) is None


def test_a_shard_with_an_image_that_may_be_readable_later_is_left(settings: ScorerSettings, tmp_path: Path) -> None:
    images = find_images(settings.images).images
    (tmp_path / "photos" / "4.png").rename(tmp_path / "4.png")
    report = _score_early(settings, images)
    assert report.num_errors == 2
    assert publish_early(report, _list(settings, images)) is None


def test_nothing_is_written_by_a_driver_that_has_lost_its_lease(settings: ScorerSettings, tmp_path: Path) -> None:
    images = find_images(settings.images).images
    report = _score_early(settings, images)
    settings = replace(settings, fence=Fence(tmp_path / "lease.json", "mine", 1))
    files = _list(settings, images)
    with pytest.raises(LeaseLostError):
        publish_early(report, files)
    assert RunFolder(settings.output).missing_shards(3) == [0, 1, 2]
