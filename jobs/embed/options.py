"""What users say of the vectors that they want, and the request that it becomes."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from jobs.console.arguments import choice, size_of, words_in
from jobs.console.places import text_of
from jobs.score.pixel_options import pixel_scale
from scoring.errors import RequestError
from scoring.models.embedding import EmbeddingRequest, EmbeddingType
from scoring.models.model_base import base_of_model, record_of_model
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.engines import EngineName, keras_backend
from scoring.networks.layer_cut import Pooling
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision

__all__ = ["EmbeddingType", "EngineName", "PixelScale", "Pooling", "VectorPrecision", "embedding_request"]


class VectorPrecision(StrEnum):
    """The number formats that `embed` offers; int8 is none, as nothing would tell what it does to likenesses."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


def embedding_request(
    *,
    model: str | Path | None,
    base: str | Path | None,
    weights: str | Path | None,
    features: str | None,
    pooling: str | Sequence[str],
    dtype: EmbeddingType | str,
    size: str | int | None,
    pixels: PixelScale | str | None,
    engine: EngineName | str,
    precision: VectorPrecision | str,
) -> EmbeddingRequest:
    """Gather the words of `embed`; each is named after its option.

    Raises:
        RequestError: If one of them is no word for its field, or not one of `model` and `base` is named.
    """
    named = [name for name in (model, base) if name is not None]
    if len(named) != 1:
        raise RequestError(f"Expected `model` or `base`; received {'both' if named else 'neither'}.")
    asked = BaseRequest(
        text_of(named[0]),
        None if weights is None else text_of(weights),
        features,
        _pooling(pooling),
        None if size is None else size_of(size),
        pixel_scale(pixels, text_of(named[0])),
    )
    record = record_of_model(asked.model) if base is None else None
    return EmbeddingRequest(
        base_of_model(asked) if base is None else base_of(asked).choose_layer(unfreeze_dense=False),
        choice(dtype, EmbeddingType, "dtype"),
        choice(precision, Precision, "precision"),
        keras_backend(),
        choice(engine, EngineName, "engine"),
        record.resize_mode if record else None,
        record.base.digest if record else None,
    )


def _pooling(value: str | Sequence[str]) -> Pooling:
    """A way of pooling, or both as `finetune` takes them: `mean,max`."""
    joined = "+".join(words_in(value))
    return choice(joined if joined in list(Pooling) else str(value), Pooling, "pooling")
