import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from scoring.bench.bare_rates import BareForward, DecodeRate
from scoring.bench.photos import gather_photos, scratch_folder
from scoring.errors import ImagesError, StorageError
from scoring.models.classifier import Classifier
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import InputShape
from scoring.shards.settings import ScorerSettings
from scoring.sources.inputs import find_images
from scoring.storage.locations import Url
from tests.fakes import FAKE_MODEL, FakeEngine, load_fake
from tests.faults import fail, system_fault


class _FakeRequest:
    """Loads the fake classifier, and remembers it."""

    def load(self, sample: Callable[[InputShape], Any]) -> Classifier:
        self.loaded = load_fake(FAKE_MODEL)
        return self.loaded


@pytest.fixture
def settings(photos: Path, tmp_path: Path) -> ScorerSettings:
    request: Any = _FakeRequest()
    return ScorerSettings(photos, tmp_path / "run", request, Resize.SQUASH, batch_size=4, decode_threads=1)


def test_bare_forward_scores_whole_batches_and_nothing_else(settings: ScorerSettings) -> None:
    forward = BareForward(settings)
    request: Any = settings.model
    engine: FakeEngine = request.loaded.engine
    assert forward(3) > 0
    assert engine.shapes == [(4, 224, 224, 3)] * (1 + 3)


def test_decode_rate_counts_the_images_that_it_decodes(
    settings: ScorerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 102.0])
    monkeypatch.setattr("scoring.bench.bare_rates.time.perf_counter", lambda: next(clock))
    assert DecodeRate(settings)(8) == 4.0


def test_photos_are_copied_without_those_that_cannot_be_read(photos: Path, tmp_path: Path) -> None:
    (photos / "2.png").write_text("no picture")
    gathered = gather_photos(photos, tmp_path / "gathered", count=5, least=5)
    names = sorted(path.name for path in gathered.iterdir())
    assert names == ["1.png", "2.png", "3.png", "4.png", "5.png"]
    assert (gathered / "2.png").read_bytes() == (photos / "3.png").read_bytes()


def test_photos_are_copied_from_a_bucket_and_from_a_table(photos: Path, tmp_path: Path, bucket: Url) -> None:
    for photo in photos.iterdir():
        (bucket / "photos" / photo.name).upload(photo)
    (photos / "3.png").rename(photos / "3")
    pq.write_table(pa.table({"path": ["photos/3"]}), tmp_path / "table.parquet")
    from_bucket = gather_photos(bucket / "photos", tmp_path / "bucket", count=3, least=3)
    from_table = gather_photos(tmp_path / "table.parquet", tmp_path / "rows", count=3, least=1)
    (row,) = find_images(from_table).images
    assert (from_bucket / "3.png").read_bytes() == (from_table / row.path).read_bytes()


def test_too_few_photos_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match=r"Expected at least 16 readable photos .* has 12\."):
        gather_photos(photos, tmp_path / "gathered", count=64, least=16)


def test_photos_are_drawn_where_there_are_none(tmp_path: Path) -> None:
    drawn = gather_photos(None, tmp_path / "drawn", count=3, least=2)
    sizes = [Image.open(path).size for path in drawn.rglob("*.jpg")]
    assert len(sizes) == 3


def test_a_full_disk_is_one_line_about_the_photos_that_are_gathered(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, Path, "write_bytes", tmp_path / "gathered" / "2.png", system_fault(errno.ENOSPC))
    with pytest.raises(StorageError, match=r"^Cannot write .*/gathered: No space left on device\.$"):
        gather_photos(photos, tmp_path / "gathered", count=5, least=5)


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EROFS])
def test_temporary_files_that_have_no_room_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: int
) -> None:
    def refuse(path: str, *_: object) -> None:
        raise OSError(fault, os.strerror(fault), path)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "mkdir", refuse)
    named = rf"^Cannot write {tmp_path}/bench-\w+: {os.strerror(fault)}\. Name another folder in TMPDIR\.$"
    with pytest.raises(StorageError, match=named), scratch_folder("bench-"):
        pass


def test_scratch_goes_with_the_block() -> None:
    with scratch_folder("bench-") as folder:
        (folder / "photo.jpg").touch()
    assert not folder.exists()
