"""What users say of a model, and the request that it becomes."""

from collections.abc import Sequence
from pathlib import Path

from jobs.console.arguments import checked, choice, labels_text, size_of, text_of
from scoring.models.kinds import VGG16_CATS_DOGS
from scoring.models.model_request import ModelRequest
from scoring.models.output_meaning import OutputMeaning
from scoring.networks.engines import EngineName, keras_backend
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision
from scoring.run.predictions import StoreProbabilities

__all__ = [
    "VGG16_CATS_DOGS",
    "EngineName",
    "OutputMeaning",
    "PixelScale",
    "Precision",
    "StoreProbabilities",
    "model_request",
]


@checked
def model_request(
    model: str | Path,
    *,
    weights: str | Path | None = None,
    labels: str | Path | Sequence[str] | None = None,
    outputs: OutputMeaning | str | None = None,
    output_name: str | None = None,
    size: str | int | None = None,
    pixels: PixelScale | str = PixelScale.UNCHANGED,
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
        None if labels is None else labels_text(labels),
        choice(precision, Precision, "precision"),
        keras_backend(),
        choice(engine, EngineName, "engine"),
        None if outputs is None else choice(outputs, OutputMeaning, "outputs"),
        output_name,
        None if size is None else size_of(size),
        choice(pixels, PixelScale, "pixels"),
        choice(store_probabilities, StoreProbabilities, "store_probabilities"),
    )
