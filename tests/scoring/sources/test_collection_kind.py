from pathlib import Path

import pytest

from scoring.errors import ImagesError
from scoring.sources.inputs import find_images


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImagesError, match=r"does not exist\.$"):
        find_images(tmp_path / "nowhere")
    with pytest.raises(ImagesError, match=rf"exist\. Name the folder {tmp_path}, of which every image is taken\.$"):
        find_images(tmp_path / "*.jpg")
    with pytest.raises(ImagesError, match=r"exist\. Several zips are not read together: name one of them, or unpack"):
        find_images(tmp_path / "*.zip")


def test_a_list_of_photos_that_is_no_parquet_is_refused_with_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text("path\n1.jpg\n")
    with pytest.raises(ImagesError, match=r"as read_csv\(\.\.\.\)\.to_parquet\('photos\.parquet'\)\."):
        find_images(tmp_path / "photos.csv")


def test_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test.zip").write_text("no zip")
    with pytest.raises(ImagesError, match="not a zip"):
        find_images(tmp_path / "test.zip")
