"""A read that ends before the size that its system tells is a fault that may pass, and not the file's content."""

import errno
import os
from pathlib import Path

import pytest

from scoring.errors import ImageError, ModelError, RequestError, TooLargeError
from scoring.models.labels import read_class_names
from scoring.sources.csv_table import read_csv
from scoring.sources.encoded_images import read_seen_image
from scoring.storage.reach import may_be_readable_later
from scoring.storage.reading import read_limited, read_range, read_whole


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    (tmp_path / "labels.csv").write_text("id,label\n1,cat\n2,dog\n")
    return tmp_path / "labels.csv"


def _end_early(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Have so many reads of a file end 5 bytes before the size that the system tells."""
    monkeypatch.setattr("scoring.storage.retrying._LONGEST_WAIT_S", 0.001)
    fstat, left = os.fstat, [times]

    def larger(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        left[0] -= 1
        return os.stat_result([*status[:6], status.st_size + 5 * (left[0] >= 0), *status[7:]])

    monkeypatch.setattr(os, "fstat", larger)


def test_a_read_that_ends_early_is_done_again(labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = labels.read_bytes()
    _end_early(monkeypatch, 3)
    assert read_seen_image(labels)[0] == content
    _end_early(monkeypatch, 3)
    assert read_whole(labels) == content
    _end_early(monkeypatch, 3)
    assert read_range(labels, 3, 100) == content[3:]
    _end_early(monkeypatch, 99)
    assert read_range(labels, 3, 10) == content[3:13]
    with pytest.raises(OSError, match=r"it ended after 21 of its 26 bytes") as told:
        read_range(labels, 3, 100)
    assert told.value.errno == errno.EIO


@pytest.mark.parametrize("told", [0, 5, 20])
def test_what_a_file_has_beyond_the_size_that_its_system_tells_is_read_too(
    labels: Path, monkeypatch: pytest.MonkeyPatch, told: int
) -> None:
    fstat, content = os.fstat, labels.read_bytes()

    def smaller(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        return os.stat_result([*status[:6], told, *status[7:]])

    monkeypatch.setattr(os, "fstat", smaller)
    assert read_seen_image(labels)[0] == read_whole(labels) == content
    assert read_range(labels, 3, 10) == content[3:13]
    assert read_range(labels, 3, 100) == content[3:]
    with pytest.raises(TooLargeError):
        read_limited(labels, len(content) - 1)
    assert read_limited(labels, len(content)) == content


def test_a_photo_or_labels_of_which_a_part_is_read_alone_are_told(
    labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _end_early(monkeypatch, 99)
    with pytest.raises(ImageError, match=r"^cannot read: it ended after 21 of its 26 bytes") as told:
        read_seen_image(labels)
    assert may_be_readable_later(told.value.__cause__)  # its row is tried again
    with pytest.raises(RequestError, match=r"^[^\n]*labels\.csv is not: it ended after 21 of its 26 bytes"):
        read_csv(labels, "labels_file", "a CSV file")
    with pytest.raises(ModelError, match=r"^[^\n]*labels\.csv is not: it ended after 21 of its 26 bytes"):
        read_class_names(str(labels))


def test_the_whole_of_a_pipe_is_what_comes_through_it() -> None:
    read, write = os.pipe()
    os.write(write, b"id,label\n")
    os.close(write)
    assert read_whole(Path(f"/dev/fd/{read}")) == b"id,label\n"
    os.close(read)
