"""Mutated bytes of every input: a row or one clear line for each, no crash, no hang, no row lost.

pytest tests/chaos/test_hostile_input.py                                         300 cases of each kind
pytest tests/chaos/test_hostile_input.py -m chaos                                100,000 files, all formats and sources
SHARDSCORE_MUTATED_FILES=5000 pytest tests/chaos/test_hostile_input.py -m chaos  5,000 of them
"""

import io
import multiprocessing
import os
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from scoring.errors import ImageError, ImagesError, SonarError
from scoring.pixels.decoding import Resize, decode
from scoring.sonar.uci_file import load_sonar
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import find_images, open_images
from tests.chaos.mutations import check_mutations

_NUM_CASES = [pytest.param(300, id="short"), pytest.param(2_000, id="long", marks=pytest.mark.chaos)]
_NUM_FILES = int(os.environ.get("SHARDSCORE_MUTATED_FILES", 100_000))
_CHUNK, _CHUNKS_EACH = 500, 20  # files of a task, tasks of an executor
_MOST_MB = 1_000  # that a process may hold: the files are of some kilobytes, what they claim may be 268 MB


def _encoded(kind: str, mode: str = "RGB") -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def _zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(1, 4):
            archive.writestr(f"test/{number}.jpg", _encoded("jpeg"))
    return buffer.getvalue()


def _returns() -> bytes:
    generator = np.random.default_rng(0)
    return b"".join(",".join(f"{band:.4f}" for band in generator.random(60)).encode() + b",M\n" for _ in range(8))


@st.composite
def _mutated(draw: st.DrawFn, original: bytes) -> bytes:
    """Some bytes changed, some repeated, the end cut off or junk put behind it."""
    content = bytearray(original)
    for _ in range(draw(st.integers(0, 8))):
        position = draw(st.integers(0, len(content) - 1))
        content[position] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        start = draw(st.integers(0, len(content) - 1))
        piece = content[start : start + draw(st.integers(1, 64))]
        content[start:start] = piece * draw(st.integers(1, 4))
    if draw(st.booleans()):
        del content[draw(st.integers(1, len(content))) :]
    return bytes(content) + draw(st.binary(max_size=16))


def _for_many(num_cases: int, original: bytes, check: Callable[[bytes], None]) -> None:
    """Run `check` on so many mutations, each within 10 s."""

    @settings(
        max_examples=num_cases,
        deadline=10_000,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(content=_mutated(original))
    def run(content: bytes) -> None:
        check(content)

    run()


def _check_image(content: bytes) -> None:
    try:
        pixels = decode(content, Resize.SQUASH)
    except ImageError as error:
        assert "\n" not in str(error)
    else:
        assert pixels.shape == (224, 224, 3)


@pytest.mark.parametrize("num_cases", _NUM_CASES)
@pytest.mark.parametrize(("kind", "mode"), [("jpeg", "RGB"), ("png", "RGBA"), ("gif", "P"), ("tiff", "CMYK")])
def test_mutated_image_is_pixels_or_one_line(num_cases: int, kind: str, mode: str) -> None:
    _for_many(num_cases, _encoded(kind, mode), _check_image)


def _bundled() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("test.zip", _zipped())
    return buffer.getvalue()


def _tarred(mode: Literal["w:", "w:gz"] = "w:") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for number in range(1, 4):
            member = tarfile.TarInfo(f"test/{'x' * 120 * (number % 2)}{number}.jpg")
            member.size = len(_encoded("jpeg"))
            archive.addfile(member, io.BytesIO(_encoded("jpeg")))
        link = tarfile.TarInfo("4.jpg")
        link.type, link.linkname = tarfile.LNKTYPE, "test/2.jpg"
        archive.addfile(link)
    return buffer.getvalue()


@pytest.mark.parametrize("num_cases", _NUM_CASES)
@pytest.mark.parametrize(
    ("original", "name"),
    [(_zipped(), "x.zip"), (_bundled(), "x.zip"), (_tarred(), "x.tar"), (_tarred("w:gz"), "x.tar")],
    ids=["zip", "bundle", "tar", "tar.gz"],
)
def test_mutated_archive_is_refused_or_every_listed_image_is_read_or_told(
    num_cases: int, original: bytes, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    archive = tmp_path / name

    def check(content: bytes) -> None:
        archive.write_bytes(content)
        try:
            listing = find_images(archive)
            read = open_images(archive)
        except ImagesError as error:
            assert "\n" not in str(error)
            return
        for image in listing.images:
            try:
                _check_image(read(image))
            except ImageError as error:
                assert "\n" not in str(error)

    _for_many(num_cases, original, check)


@pytest.mark.parametrize("num_cases", _NUM_CASES)
def test_mutated_sonar_file_is_refused_in_one_line_or_holds_sound_bands(num_cases: int, tmp_path: Path) -> None:
    path = tmp_path / "sonar.all-data"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        try:
            returns = load_sonar(path)
        except SonarError as error:
            assert "\n" not in str(error)
        else:
            assert returns.bands.shape[1] == 60
            assert ((returns.bands >= 0) & (returns.bands <= 1)).all()

    _for_many(num_cases, _returns(), check)


@pytest.mark.chaos
def test_a_hundred_thousand_mutated_files_are_rows_or_one_line_each(tmp_path: Path) -> None:
    """On all cores; each process does some thousands and is replaced, so that a leak of a decoder's C code ends.

    With an executor for each ten thousand: one whose processes reach `max_tasks_per_child` at once stands still, and a
    `multiprocessing.Pool` waits for ever for what a process was doing that crashed.
    """
    found: list[Counter[str]] = []
    for first in range(0, _NUM_FILES, _CHUNKS_EACH * _CHUNK):
        starts = range(first, min(first + _CHUNKS_EACH * _CHUNK, _NUM_FILES), _CHUNK)
        with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
            chunks = [pool.submit(check_mutations, start, _CHUNK, tmp_path / str(start)) for start in starts]
            found += [chunk.result() for chunk in chunks]
    assert max(outcomes.pop("peak MB") for outcomes in found) < _MOST_MB
    outcomes = sum(found, Counter())
    print(f"{_NUM_FILES} mutated files: {dict(outcomes)}")
    assert outcomes["pixels"] > outcomes["errors"] > 0
    assert outcomes["refused"] > 0


def test_zip_entry_that_points_outside_is_only_a_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("../../evil.jpg", b"x")
        archive.writestr("/etc/1.jpg", b"y")
    read = open_images(tmp_path / "photos.zip")
    contents = [read(image) for image in find_images(tmp_path / "photos.zip").images]
    assert sorted(contents) == [b"x", b"y"]
    assert [path.name for path in tmp_path.iterdir()] == ["photos.zip"]


def test_encrypted_zip_entry_is_an_image_error(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("1.jpg", b"secret")
    content = bytearray((tmp_path / "photos.zip").read_bytes())
    for marker, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(marker) + offset] |= 1  # the flag that says: encrypted
    (tmp_path / "photos.zip").write_bytes(content)
    with pytest.raises(ImageError, match="encrypted"):
        open_images(tmp_path / "photos.zip")(ImageEntry("1", "1.jpg", 0))


def test_zip_bomb_is_refused_at_the_size_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.sources.encoded_images.MAX_IMAGE_BYTES", 10 * 1024**2)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.jpg", bytes(11 * 1024**2))
    assert (tmp_path / "photos.zip").stat().st_size < 20_000
    with pytest.raises(ImageError, match="larger than 10 MiB"):
        open_images(tmp_path / "photos.zip")(ImageEntry("1", "1.jpg", 0))


def test_jpeg_that_claims_65500_pixels_a_side_is_refused_from_its_header() -> None:
    content = bytearray(_encoded("jpeg"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = (65_500).to_bytes(2, "big") * 2
    with pytest.raises(ImageError, match="more pixels than the limit"):
        decode(bytes(content), Resize.SQUASH)


def test_sonar_file_of_commas_is_refused(tmp_path: Path) -> None:
    (tmp_path / "commas").write_bytes(b"," * 5_000_000)
    with pytest.raises(SonarError):
        load_sonar(tmp_path / "commas")


def test_huge_sonar_file_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(4 * 1024**3)  # sparse: four gigabytes that take no room
    with pytest.raises(SonarError, match="at most 256 MiB"):
        load_sonar(tmp_path / "huge")
