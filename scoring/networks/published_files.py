"""Weights as Keras publishes them: fetched once per machine into Keras' own cache, under the names that Keras gives."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from scoring.errors import DownloadError, ModelError, one_line
from scoring.storage.downloads import cache_folder, fetch, local_copy
from scoring.storage.locations import locate
from scoring.storage.zips import holds_zip

if TYPE_CHECKING:
    import keras

_TIMEOUT_S = 10.0
# What Keras reads whole from one file; `.weights.json` lists several, whose content a digest of it would not tell.
_SUFFIXES = (".h5", ".hdf5", ".keras")
_STATED_HASHES = "x-goog-hash"  # Google's storage says `crc32c=...,md5=...` of every object, in base 64


@dataclass(frozen=True)
class PublishedFile:
    """A weights file that Keras publishes.

    Attributes:
        url: Where it is published.
        checksum: `md5:...` or `sha256:...` as Keras' source states it; None where it states none.
        name: Its name in Keras' cache.
    """

    url: str
    checksum: str | None
    name: str

    def fetch(self) -> Path:
        """The file on this machine, downloaded unless it is there.

        A file that Keras states no checksum of is checked by the server's; one that is here already is taken as it is.

        Raises:
            DownloadError: If it cannot be downloaded, or its checksum differs.
        """
        path = cache_folder() / "models" / self.name
        if self.checksum is None and path.is_file():
            return path
        try:
            return fetch(self.url, path, self.checksum or _stated_checksum(self.url))
        except DownloadError as error:
            raise DownloadError(f"{error} Fetch the file by other means and name it as `weights`.") from error


def weights_file(weights: str | None, published: PublishedFile) -> Path:
    """The file that is named, on this machine, or the published one, downloaded once per machine.

    Raises:
        ModelError: If the name is of no weights file.
        DownloadError: If it is not here and cannot be downloaded.
    """
    if not weights:
        return published.fetch()
    check_suffix(weights)
    return local_copy(locate(weights), lambda copy: _refuse_damaged(copy, weights))


def _refuse_damaged(copy: Path, weights: str) -> None:
    import h5py  # of weights in a bucket alone

    if not (holds_zip(copy) if copy.suffix == ".keras" else h5py.is_hdf5(copy)):
        raise ModelError(f"Expected {weights} to hold weights; it is damaged, or a file of another kind.")


def check_suffix(weights: str) -> None:
    """Raise ModelError unless a name is that of a file that holds weights whole."""
    if not locate(weights).name.endswith(_SUFFIXES):
        raise ModelError(
            f"Expected `weights` to be one {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]} file; received {weights}. "
            "Save them whole, with model.save_weights('NAME.weights.h5')."
        )


def load_weights(network: "keras.Model", path: Path, expected: str) -> "keras.Model":
    """Load weights of Keras' layout into a network; `expected` says whose they should be.

    Raises:
        ModelError: If they do not fit.
    """
    try:
        network.load_weights(path)
    except Exception as error:  # h5py, zipfile and Keras each have their own words for a wrong file
        raise misfit(path, error, expected) from error
    return network


def misfit(path: Path, error: Exception, expected: str) -> ModelError:
    """The error for a weights file that does not fit the `expected` network."""
    reason = one_line(error)
    return ModelError(f"Expected weights of {expected}; {path} does not fit: {reason}.")


def _stated_checksum(url: str) -> str:
    try:
        answer = requests.head(url, timeout=_TIMEOUT_S, allow_redirects=True)
        answer.raise_for_status()
    except requests.ConnectionError as error:
        raise DownloadError(f"Cannot download {url}: no connection.") from error
    except requests.RequestException as error:
        raise DownloadError(f"Cannot download {url}: {error}.") from error
    hashes = dict(part.strip().split("=", 1) for part in answer.headers.get(_STATED_HASHES, "").split(",") if part)
    if "md5" not in hashes:
        raise DownloadError(f"Cannot check {url}: neither Keras nor the server states a checksum.")
    return f"md5:{base64.b64decode(hashes['md5']).hex()}"
