"""What `kaggle competitions download` writes for Dogs vs. Cats Redux, with photos of our own."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.pictures import lit_photo

BUNDLE = "dogs-vs-cats-redux-kernels-edition.zip"


def is_dog(number: int) -> bool:
    """What the test photo of that number shows, of those drawn here."""
    return number % 3 == 0


def draw_train(num_each: int) -> dict[str, bytes]:
    """So many drawn cats and dogs, by Kaggle's names."""
    generator = np.random.default_rng(0)
    kinds = {"cat": False, "dog": True}
    return {f"{kind}.{n}.jpg": lit_photo(dog, generator) for kind, dog in kinds.items() for n in range(num_each)}


def draw_test(num_photos: int) -> dict[str, bytes]:
    """So many drawn test photos, by Kaggle's names; twenty cats and twenty dogs over and over."""
    generator = np.random.default_rng(1)
    some = {dog: [lit_photo(dog, generator) for _ in range(20)] for dog in (False, True)}
    return {f"{n}.jpg": some[is_dog(n)][n % 20] for n in range(1, num_photos + 1)}


def zip_of(folder: str, photos: Mapping[str, bytes]) -> bytes:
    """A zip of a folder."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{folder}/", b"")
        for name, photo in photos.items():
            archive.writestr(f"{folder}/{name}", photo)
    return content.getvalue()


def sample_submission(test: Mapping[str, bytes]) -> str:
    """The template of these photos."""
    return "id,label\n" + "".join(f"{name.partition('.')[0]},0.5\n" for name in test)


def write_bundle(path: Path, train: Mapping[str, bytes], test: Mapping[str, bytes]) -> None:
    """Kaggle's download as Kaggle lays it out: zips of a folder each, and a template, in one zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sample_submission.csv", sample_submission(test))
        archive.writestr("test.zip", zip_of("test", test))
        archive.writestr("train.zip", zip_of("train", train))


def mount_bundle(folder: Path, train: Mapping[str, bytes], test: Mapping[str, bytes]) -> None:
    """The same as a notebook of Kaggle has it, a folder without the outer zip."""
    folder.mkdir(parents=True)
    (folder / "sample_submission.csv").write_text(sample_submission(test))
    (folder / "test.zip").write_bytes(zip_of("test", test))
    (folder / "train.zip").write_bytes(zip_of("train", train))
