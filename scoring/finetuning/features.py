"""The features that a network computes of each photo, once: the shard model of `finetune`, and its Parquet files."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ImagesError, RunFolderError
from scoring.finetuning.view_rows import mapped
from scoring.models.cut_network import CutNetwork, CutNetworkRequest, with_flipped
from scoring.networks.agreement import ImageSample
from scoring.networks.base_networks import base_of, is_published
from scoring.networks.base_request import BaseRequest
from scoring.networks.engine_choice import load_engine
from scoring.networks.engines import Engine, EngineName, Network, keras_backend
from scoring.networks.precision import Precision, PrecisionChoice, choose_precision
from scoring.pixels.input_shape import InputShape
from scoring.run.folder import RunFolder
from scoring.run.predictions import INPUTS_KEY, OK, PIXELS_SHA256, ScoredImage, describing_columns, joint_contents
from scoring.run.reader import RunReader
from scoring.sources.entries import ImageEntry

FEATURES, FLIPPED_FEATURES = "features", "flipped_features"


@dataclass(frozen=True)
class FeatureRequest(CutNetworkRequest):
    """Which features to extract, and how.

    Attributes:
        base: The network and its layer.
        flip: Extract those of the mirrored photo as well.
        precision: Number format of the network.
        backend: Keras' backend.
        engine: What runs the network.
    """

    base: BaseRequest
    flip: bool
    precision: Precision
    backend: str = field(default_factory=keras_backend)
    engine: EngineName = EngineName.KERAS

    def absolute(self) -> "FeatureRequest":
        """This request with absolute paths, for workers that started elsewhere."""
        return replace(self, base=base_of(self.base).absolute())

    def load(self, sample: Callable[[InputShape], ImageSample]) -> "FeatureExtractor":
        """Build the network up to the layer; int8 is calibrated on the sample."""
        choice = choose_precision(self.precision, self.runtime)
        loaded = load_engine(self.engine, choice, self.backend, self._network, sample)
        sees = self.flip or self.base.sees_mirrored
        return FeatureExtractor(loaded.engine, loaded.digest, loaded.precision, self.flip, loaded.may_mix, sample, sees)

    def _network(self) -> Network:
        base = base_of(self.base)
        digest = f"{base.digest()}:{self.base}{'+flip' if self.flip else ''}"
        return Network(
            digest,
            lambda: with_flipped(base.build()) if self.flip else base.build(),
            is_published(self.base),
            self.base.has_own_weights,
        )


@dataclass(frozen=True)
class FeatureExtractor(CutNetwork):
    """A network cut off at a layer: pixels in, features out.

    Attributes:
        engine: Runs the network.
        model_digest: Identifies the network's weights, the layer and the views.
        precision: The number format in use, and why.
        flip: Whether each row of outputs holds the features of the photo and then those of its mirror image.
        may_mix: Whether images of a batch may shape each other's features.
        sample: Some of the photos, which tell what float16 must hold; None where they are not to be had.
        sees_mirrored: Whether the mirror image of each photo is looked at too, beside it or averaged with it.
    """

    engine: Engine
    model_digest: str
    precision: PrecisionChoice
    flip: bool
    may_mix: bool = False
    sample: Callable[[InputShape], ImageSample] | None = None
    sees_mirrored: bool = False
    is_trained_on: ClassVar[bool] = True

    def copy_digest(self, pixels: UInt8Array) -> bytes:
        """See `ShardModel.copy_digest`."""
        return copy_digest(pixels, self.sees_mirrored)

    def checked(self, features: Float32Array) -> Float32Array:
        """The same features.

        Raises:
            ModelError: If they are too large or too small for float16.
        """
        self.check_float16(features, "Use `overwrite`, and another layer with `features`.")
        return features

    def to_table(self, rows: Sequence[ScoredImage], metadata: dict[str, str]) -> pa.Table:
        """A shard's features as they are stored: as float16, and the digests of the pixels that they are of."""
        columns = describing_columns(rows)
        columns[PIXELS_SHA256] = pa.array([row.pixels_sha256 for row in rows], pa.binary(32))
        views = 2 if self.flip else 1
        for view, name in enumerate((FEATURES, FLIPPED_FEATURES)[:views]):
            columns[name] = _lists([_view(row.outputs, view, views) for row in rows])
        return pa.table(columns).replace_schema_metadata(metadata)


def copy_digest(pixels: UInt8Array, sees_mirrored: bool) -> bytes:
    """The digest that a photo has in common with its copies: of its pixels, as the network sees them.

    Args:
        pixels: Shape (height, width, channels).
        sees_mirrored: Whether the mirror image is looked at too: a photo that is mirrored on disk is then a copy, as
            both give the same views.
    """
    seen = pixels.tobytes()
    return hashlib.sha256(min(seen, pixels[:, ::-1].tobytes()) if sees_mirrored else seen).digest()


def _view(outputs: Float32Array | None, view: int, views: int) -> Float32Array | None:
    return None if outputs is None else np.split(outputs, views)[view]


def _lists(vectors: Sequence[Float32Array | None]) -> pa.Array:
    """Rows of float16 lists, null where there is no vector."""
    there = [vector for vector in vectors if vector is not None]
    values = np.concatenate(there).astype(np.float16) if there else np.zeros(0, np.float16)
    lengths = [0 if vector is None else len(vector) for vector in vectors]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    nulls = pa.array([vector is None for vector in vectors])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values), mask=nulls)


@dataclass(frozen=True)
class Features:
    """Every readable photo of a run of the feature extractor.

    Attributes:
        images: The photos, in the manifest's order.
        targets: Their true labels.
        values: Features, float16, shape (num_images, num_views, num_features).
        num_errors: Photos left out because they could not be read.
        lost: Those photos.
        contents: What tells the photos' contents from those that other features were extracted from; empty where shards
            of an earlier version do not say.
        pixels: For each photo the `copy_digest` of what the network saw; None from a shard of an earlier version.
    """

    images: list[ImageEntry]
    targets: list[str]
    values: npt.NDArray[np.float16]
    num_errors: int
    contents: str = ""
    lost: Sequence[ImageEntry] = ()
    pixels: Sequence[bytes | None] = ()

    @cached_property
    def pixels_digest(self) -> str:
        """What tells what the network saw, where files of other contents have the stamps of those before; or empty."""
        told = [digest for digest in self.pixels if digest]
        return hashlib.sha256(b"".join(told)).hexdigest() if told and len(told) == len(self.pixels) else ""


def load_features(folder: RunFolder) -> Features:
    """Load the features in a run folder, one shard after the other.

    Raises:
        IncompleteError: If a shard is missing or damaged; it is named.
        RunFolderError: If the folder holds other files among them, or they are not of one width.
        ImagesError: If no photo could be read.
    """
    images: list[ImageEntry] = []
    lost: list[ImageEntry] = []
    inputs, pixels = list[bytes](), list[bytes | None]()
    reader = RunReader(folder)
    values: npt.NDArray[np.float16] | None = None
    paths, start = reader.told_paths(), 0
    for table in reader.tables():
        inputs.append((table.schema.metadata or {}).get(INPUTS_KEY, b""))
        table = table.set_column(table.column_names.index("path"), "path", paths.slice(start, table.num_rows))
        start += table.num_rows
        sound = table.filter(pa.compute.equal(table["status"], OK))
        lost += _entries(table.filter(pa.compute.not_equal(table["status"], OK)))
        if sound.num_rows:
            views = [_matrix(sound[name]) for name in (FEATURES, FLIPPED_FEATURES) if name in sound.column_names]
            if values is None:
                values = mapped((reader.record.num_images, len(views), views[0].shape[1]))
            for view, matrix in enumerate(views):
                _check_width(matrix.shape[1], values.shape[2], folder)
                values[len(images) : len(images) + sound.num_rows, view] = matrix
        images += _entries(sound)
        pixels += sound[PIXELS_SHA256].to_pylist() if PIXELS_SHA256 in sound.column_names else [None] * sound.num_rows
    num_errors = len(lost)
    if values is None:
        raise ImagesError(f"Expected photos that can be read; of {num_errors} in {folder.path} none can.")
    targets = [str(image.target) for image in images]
    return Features(images, targets, values[: len(images)], num_errors, joint_contents(inputs), lost, pixels)


def _check_width(width: int, expected: int, folder: RunFolder) -> None:
    """Raise RunFolderError unless a shard's features are as many as those of the first: another version made them."""
    if width != expected:
        raise RunFolderError(
            f"Expected {expected} features of each photo in {folder.path}, as in its first shard; another has {width}, "
            "which another version extracted. Use `overwrite` to start clean."
        )


def _entries(rows: pa.Table) -> list[ImageEntry]:
    return [ImageEntry(size_bytes=0, **row) for row in rows.select(["image_id", "path", "target"]).to_pylist()]


def _matrix(column: pa.ChunkedArray) -> npt.NDArray[np.float16]:
    lists = column.combine_chunks()
    values: npt.NDArray[np.float16] = lists.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(lists), -1)
