"""The vector that a network computes of each image: the shard model of `embed`, and its Parquet files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoring.arrays import Float32Array
from scoring.errors import ModelError
from scoring.models.cut_network import CutNetwork, CutNetworkRequest
from scoring.networks.agreement import ImageSample
from scoring.networks.base_networks import base_of, is_published
from scoring.networks.base_request import BaseRequest
from scoring.networks.engine_choice import load_engine
from scoring.networks.engines import Engine, EngineName, Network
from scoring.networks.precision import Precision, PrecisionChoice, choose_precision
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import InputShape
from scoring.run.predictions import FEATURES_HAVE, ScoredImage, describing_columns, predictions_schema

EMBEDDING = "embedding"
WIDTH_KEY = b"shardscore.width"  # values of a vector, in every file's schema


class EmbeddingType(StrEnum):
    """The number format that vectors are stored in."""

    FLOAT16 = "float16"
    FLOAT32 = "float32"


@dataclass(frozen=True)
class EmbeddingRequest(CutNetworkRequest):
    """Which features to extract, and how; see `ShardModelRequest`.

    Attributes:
        base: The network, its layer, and how what is spatial there becomes one vector.
        dtype: Number format of the stored vectors.
        precision: Number format of the network.
        backend: Keras' backend.
        engine: What runs the network.
        resize_mode: How photos became squares for the head above the base; None without one.
        base_digest: Digest of the base that this head was trained on; None without one.
    """

    base: BaseRequest
    dtype: EmbeddingType
    precision: Precision
    backend: str
    engine: EngineName = EngineName.KERAS
    resize_mode: Resize | None = None
    base_digest: str | None = None

    def absolute(self) -> "EmbeddingRequest":
        """The same with absolute paths, for workers that started elsewhere."""
        return replace(self, base=base_of(self.base).absolute())

    def check(self) -> None:
        """Raise ModelError for a request that cannot be met, without importing Keras."""
        if self.precision is Precision.INT8:  # nothing here would tell what it does to likenesses
            raise ModelError("Expected `precision` auto, float32, bfloat16 or float16 for vectors; received int8.")
        super().check()

    def load(self, sample: Callable[[InputShape], ImageSample] | None = None) -> "Embedder":
        """Build the network up to the layer; int8 is refused, so a sample is taken later, if at all.

        Raises:
            ModelError: If the request cannot be met, weights or layer do not fit, or the base is not the head's.
            DownloadError: If weights are not here and cannot be downloaded.
        """
        self.check()
        choice = choose_precision(self.precision, self.runtime)
        loaded = load_engine(self.engine, choice, self.backend, self._network)
        digest = f"{loaded.digest}:{self.dtype}"
        return Embedder(loaded.engine, digest, loaded.precision, self.dtype, loaded.may_mix, sample)

    def _network(self) -> Network:
        base = base_of(self.base)
        found = base.digest()
        if self.base_digest not in (None, found):
            raise ModelError(
                f"Expected the base network that the head in `model` was trained on, {self.base_digest[:12]}; "
                f"{self.base.name} is another, {found[:12]}. Put the former back; weights that moved go by `weights`."
            )
        digest = f"{found}:{quote(str(self.base), safe='+')}:{self.base.pooling}"
        return Network(digest, base.build, is_published(self.base), self.base.has_own_weights)


@dataclass(frozen=True)
class Embedder(CutNetwork):
    """A network cut off at a layer: pixels in, a vector out; see `ShardModel`.

    Attributes:
        engine: Runs the network.
        model_digest: Identifies the network's weights, the layer, the pooling and the stored number format.
        precision: The number format in use, and why.
        dtype: Number format of the stored vectors.
        may_mix: Whether images of a batch may shape each other's vectors.
        sample: Some of the images, which tell what float16 must hold; None where they are not to be had.
    """

    engine: Engine
    model_digest: str
    precision: PrecisionChoice
    dtype: EmbeddingType
    may_mix: bool = False
    sample: Callable[[InputShape], ImageSample] | None = None

    def checked(self, features: Float32Array) -> Float32Array:
        """The same features.

        Raises:
            ModelError: If they are too large or too small for float16, and that is asked for.
        """
        if self.dtype is EmbeddingType.FLOAT16:
            self.check_float16(features, "Use `overwrite`, and `dtype` float32 or another layer with `features`.")
        return features

    def to_table(self, rows: Sequence[ScoredImage], metadata: dict[str, str]) -> pa.Table:
        """A shard's vectors as they are stored: as lists, null for what could not be read, and their width beside them.

        They are not of Arrow's fixed-size type, which pyarrow before 26 cannot read back where one is null.
        """
        described = predictions_schema((), {})
        columns = pa.table(
            describing_columns(rows), schema=pa.schema([described.field(name) for name in FEATURES_HAVE])
        )
        vectors = [None if row.outputs is None else row.outputs.astype(str(self.dtype)) for row in rows]
        lists = pa.array(vectors, pa.list_(pa.from_numpy_dtype(str(self.dtype))))
        width = {WIDTH_KEY.decode(): str(self.engine.num_outputs)}
        return columns.append_column(EMBEDDING, lists).replace_schema_metadata(metadata | width)


def of_one_length(lists: pa.ChunkedArray, width: int) -> pa.ChunkedArray:
    """Vectors, read from files, as lists of fixed size; those that are null stay so.

    Args:
        lists: Vectors as lists of any length, or null.
        width: Values of a vector.

    Raises:
        ValueError: If one has another length.
    """
    kind = pa.list_(lists.type.value_type, width)
    return pa.chunked_array([_of_one_length(chunk, width) for chunk in lists.chunks], kind)


def _of_one_length(lists: pa.ListArray, width: int) -> pa.FixedSizeListArray:
    is_there = lists.is_valid()
    values = lists.flatten().to_numpy(zero_copy_only=False)  # of those that are there
    lengths = pc.unique(pc.list_value_length(lists.filter(is_there))).to_pylist()
    if lengths not in ([], [width]):
        raise ValueError(f"expected vectors of {width} values; received {lengths}")
    vectors = np.zeros((len(lists), width), values.dtype)
    vectors[is_there.to_numpy(zero_copy_only=False)] = values.reshape(-1, width)
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), width, mask=pc.invert(is_there))
