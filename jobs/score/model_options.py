"""What users say of a model, and the request that it becomes."""

import json
import operator
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from jobs.console.arguments import checked, choice, size_of
from jobs.console.places import text_of
from jobs.score.pixel_options import pixel_scale
from scoring.errors import RequestError
from scoring.models.kinds import VGG16_CATS_DOGS
from scoring.models.labels import class_names_text, parse_class_names
from scoring.models.model_request import ModelRequest
from scoring.models.output_meaning import OutputMeaning
from scoring.networks.engines import EngineName, keras_backend
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import size_text
from scoring.run.predictions import StoreProbabilities

__all__ = [
    "VGG16_CATS_DOGS",
    "EngineName",
    "Labels",
    "OutputMeaning",
    "PixelScale",
    "Precision",
    "StoreProbabilities",
    "model_request",
    "model_words",
]

Labels: TypeAlias = str | Path | Sequence[str] | Mapping[int, str] | Mapping[str, int] | None


@checked
def model_request(
    model: str | Path,
    *,
    weights: str | Path | None = None,
    labels: Labels = None,
    outputs: OutputMeaning | str | None = None,
    output_name: str | None = None,
    size: str | int | None = None,
    pixels: PixelScale | str | None = None,
    store_probabilities: StoreProbabilities | str = StoreProbabilities.FEW,
    engine: EngineName | str = EngineName.KERAS,
    precision: Precision | str = Precision.FLOAT32,
) -> ModelRequest:
    """Gather the words for a model; each is a field of the request.

    Raises:
        RequestError: If one of them is no word for its field.
    """
    return ModelRequest(
        text_of(model),
        None if weights is None else text_of(weights),
        None if labels is None else _labels_text(labels),
        choice(precision, Precision, "precision"),
        keras_backend(),
        choice(engine, EngineName, "engine"),
        None if outputs is None else choice(outputs, OutputMeaning, "outputs"),
        output_name,
        None if size is None else size_of(size),
        pixel_scale(pixels, text_of(model)),
        choice(store_probabilities, StoreProbabilities, "store_probabilities"),
    )


def model_words(model: ModelRequest) -> list[str]:
    """The words of a command line for the network and what it is given; engine and precision are not among them."""
    told = {
        "--model": model.model,
        "--weights": model.weights,
        "--labels": model.labels,
        "--outputs": model.outputs,
        "--output-name": model.output_name,
        "--size": None if model.size is None else size_text(model.size),
        "--pixels": None if model.pixels is PixelScale.UNCHANGED else model.pixels,
    }
    return [str(word) for option, value in told.items() if value is not None for word in (option, value)]


def _labels_text(labels: str | Path | Sequence[str] | Mapping[int, str] | Mapping[str, int]) -> str:
    """Labels, or their file, as the command line has them.

    Raises:
        RequestError: If a map is none of names and indices from 0 on.
    """
    if isinstance(labels, str | Path):
        return text_of(labels, takes_long="," in str(labels))
    names = _names_by_index(labels) if isinstance(labels, Mapping) else labels
    return class_names_text(names)


def _names_by_index(labels: Mapping[int, str] | Mapping[str, int]) -> Sequence[str]:
    """The names of a map of names and indices, either of them first, as in JSON; in the indices' order."""
    try:
        pairs = {key if isinstance(key, str) else operator.index(key): value for key, value in labels.items()}
        text = json.dumps(pairs, default=operator.index)
    except (TypeError, ValueError) as error:
        raise RequestError(
            'Expected a dict as `labels` to be of names and their indices, {0: "cat"} or {"cat": 0}; received others.'
        ) from error
    return parse_class_names(text.encode(), "the dict")
