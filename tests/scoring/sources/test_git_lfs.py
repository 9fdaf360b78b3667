"""A clone without its files of Git LFS has pointers for them, which whoever reads them is told."""

from pathlib import Path

import pytest

from scoring.errors import ImageError, ImagesError, ModelError, RequestError
from scoring.models.labels import read_class_names
from scoring.networks.keras_files import check_keras_file, read_keras_digest
from scoring.pixels.decoding import Resize, decode
from scoring.sources.inputs import find_images
from scoring.sources.labels_file import read_labels
from scoring.sources.table_columns import LabelsFile, TableColumns

_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a2146" * 8 + b"\nsize 12345\n"
_SAID = r"^(?!.*\.\. ).*Git LFS pointer.* by `git lfs pull`"


def _pointer(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_POINTER)
    return path


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.zip", "x.parquet", "x", "x-{0..0}.tar"])
def test_collection_that_is_a_pointer_is_refused_as_one(tmp_path: Path, name: str) -> None:
    _pointer(tmp_path / name.replace("{0..0}", "0"))
    with pytest.raises(ImagesError, match=_SAID):
        find_images(tmp_path / name)


@pytest.mark.parametrize("name", ["x.tar", "x.parquet", "photo"])
def test_folder_of_pointers_is_refused_as_one(tmp_path: Path, name: str) -> None:
    _pointer(tmp_path / "folder" / name)
    columns = TableColumns(content="image") if name.endswith("parquet") else TableColumns()
    with pytest.raises(ImagesError, match=_SAID):
        find_images(tmp_path / "folder", columns)


def test_photo_that_is_a_pointer_is_an_error_that_says_so() -> None:
    with pytest.raises(ImageError, match=_SAID):
        decode(_POINTER, Resize.SQUASH)


@pytest.mark.parametrize("name", ["train.csv", "train.parquet"])
def test_labels_that_are_a_pointer_are_refused_as_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match=_SAID):
        read_labels(LabelsFile(_pointer(tmp_path / name)))


def test_names_of_classes_that_are_a_pointer_are_refused_as_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=_SAID):
        read_class_names(str(_pointer(tmp_path / "classes.txt")))


def test_network_that_is_a_pointer_is_refused_as_one(tmp_path: Path) -> None:
    network = _pointer(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=_SAID):
        check_keras_file(network, "`model`")
    with pytest.raises(ModelError, match=_SAID):
        read_keras_digest(network)
