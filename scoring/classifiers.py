"""What `--model` names, loaded: an engine with labels on its outputs."""

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.downloads import file_digest
from scoring.engines import Engine, KerasEngine, Precision, pick_precision
from scoring.errors import ModelError
from scoring.imagenet import CAT_DOG_LABELS, cats_and_dogs, load_class_names
from scoring.images import IMAGE_SIZE
from scoring.vgg16 import RANDOM_WEIGHTS, build_vgg16

if TYPE_CHECKING:
    import keras

VGG16_IMAGENET = "vgg16-imagenet"
VGG16_CATS_DOGS = "vgg16-cats-dogs"


@dataclass(frozen=True)
class ModelRequest:
    """Which model to load and how.

    Attributes:
        model: `vgg16-imagenet`, `vgg16-cats-dogs`, or the path of a `.keras` classifier.
        weights: A weights file for VGG16, `random`, or None for ImageNet's.
        labels: `cat,dog`; for `vgg16-imagenet` the path of an `imagenet_class_index.json`; or None.
        precision: Number format of the inner layers.
        backend: Keras' backend.
    """

    model: str
    weights: str | None
    labels: str | None
    precision: Precision
    backend: str

    def absolute(self) -> "ModelRequest":
        """The same with absolute paths, for workers that started elsewhere."""
        return replace(
            self,
            model=_absolute(self.model) if self.model.endswith(".keras") else self.model,
            weights=self.weights if self.weights in (None, RANDOM_WEIGHTS) else _absolute(self.weights),
            labels=_absolute(self.labels) if self.labels and self.model == VGG16_IMAGENET else self.labels,
        )


@dataclass(frozen=True)
class Classifier:
    """A model ready to score: pixels in, probabilities of its labels out.

    Attributes:
        engine: Runs the network.
        labels: One name per class, in class order.
        model_digest: Identifies the network and its weights.
        precision: The number format in use, never `auto`.
        to_probabilities: Turns the network's outputs into class probabilities.
    """

    engine: Engine
    labels: tuple[str, ...]
    model_digest: str
    precision: Precision
    to_probabilities: Callable[[Float32Array], Float32Array]

    def score(self, images: UInt8Array) -> Float32Array:
        """Score one batch.

        Args:
            images: RGB pixels, 0 to 255, shape (batch_size, 224, 224, 3). Left unchanged.

        Returns:
            Class probabilities, shape (batch_size, num_classes).
        """
        return self.to_probabilities(self.engine.score(images))


def check_model(request: ModelRequest) -> None:
    """Raise ModelError for a request that cannot be met, without importing Keras."""
    if request.model in (VGG16_IMAGENET, VGG16_CATS_DOGS):
        _check_vgg16(request)
        return
    path = Path(request.model)
    if path.suffix != ".keras":
        raise ModelError(
            f"Expected --model to be {VGG16_IMAGENET}, {VGG16_CATS_DOGS} or a .keras file; received {request.model!r}."
        )
    if not path.is_file():
        raise ModelError(f"Expected --model to be a .keras file; {path} does not exist.")
    if not zipfile.is_zipfile(path):
        raise ModelError(f"Expected a model saved by Keras 3; {path} is not one.")
    if request.weights is not None:
        raise ModelError("--weights belongs to VGG16; a .keras file brings its own. Leave it out.")
    if request.labels is None:
        raise ModelError("Expected --labels with one name per class, such as --labels cat,dog; received none.")
    _split_labels(request.labels)


def load_classifier(request: ModelRequest) -> Classifier:
    """Build the network, load its weights, and pick the precision.

    Raises:
        ModelError: If weights, shapes or labels do not fit together.
        DownloadError: If weights or class names are not here and cannot be downloaded.
    """
    check_model(request)
    os.environ["KERAS_BACKEND"] = request.backend  # read by Keras at its first import in this process
    precision = request.precision
    if precision is Precision.AUTO:
        precision = pick_precision(request.backend)
    if request.model in (VGG16_IMAGENET, VGG16_CATS_DOGS):
        return _vgg16_classifier(request, precision)
    return _keras_classifier(Path(request.model), _split_labels(request.labels or ""), precision)


def _check_vgg16(request: ModelRequest) -> None:
    if request.weights not in (None, RANDOM_WEIGHTS) and not Path(request.weights).is_file():
        raise ModelError(f"Expected --weights to be a weights file or {RANDOM_WEIGHTS}; {request.weights} is no file.")
    if request.model == VGG16_CATS_DOGS and request.labels not in (None, ",".join(CAT_DOG_LABELS)):
        raise ModelError(f"{VGG16_CATS_DOGS} has the labels cat,dog; received {request.labels}. Leave --labels out.")
    if request.model == VGG16_IMAGENET and request.labels is not None and not Path(request.labels).is_file():
        raise ModelError(
            f"Expected --labels of {VGG16_IMAGENET} to be an imagenet_class_index.json; {request.labels} is no file."
        )


def _vgg16_classifier(request: ModelRequest, precision: Precision) -> Classifier:
    if request.model == VGG16_CATS_DOGS:
        network, digest = build_vgg16(request.weights)
        return Classifier(KerasEngine(network, precision), CAT_DOG_LABELS, digest, precision, cats_and_dogs)
    labels = load_class_names(Path(request.labels) if request.labels else None)
    network, digest = build_vgg16(request.weights)
    return Classifier(KerasEngine(network, precision), labels, digest, precision, _unchanged)


def _keras_classifier(path: Path, labels: tuple[str, ...], precision: Precision) -> Classifier:
    model = _load_keras(path)
    num_outputs = _num_outputs(model, path)
    binary = num_outputs == 1 and len(labels) == 2  # a sigmoid: the probability of the second label
    if num_outputs != len(labels) and not binary:
        raise ModelError(
            f"Expected {num_outputs} labels, one per output of {path}; received {len(labels)}: {','.join(labels)}."
        )
    to_probabilities = _from_sigmoid if binary else _unchanged
    return Classifier(KerasEngine(model, precision), labels, file_digest(path), precision, to_probabilities)


def _load_keras(path: Path) -> "keras.Model":
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # an unsafe Lambda layer, an unknown class, a damaged archive
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"Cannot load {path} in Keras' safe mode: {reason}") from error


def _num_outputs(model: "keras.Model", path: Path) -> int:
    shapes = [tuple(tensor.shape) for tensor in [*model.inputs, *model.outputs]]
    expected = (None, IMAGE_SIZE, IMAGE_SIZE, 3)
    fits = len(shapes) == 2 and len(shapes[0]) == 4 and len(shapes[1]) == 2
    if not fits or any(size not in (None, want) for size, want in zip(shapes[0], expected, strict=True)):
        raise ModelError(
            f"Expected a classifier from {expected} pixels to (None, num_classes) probabilities; {path} has {shapes}."
        )
    return int(shapes[1][1])


def _split_labels(labels: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in labels.split(","))
    if "" in names or len(set(names)) != len(names):
        raise ModelError(f"Expected --labels to be different names, such as cat,dog; received {labels!r}.")
    return names


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _unchanged(probabilities: Float32Array) -> Float32Array:
    return probabilities


def _from_sigmoid(second: Float32Array) -> Float32Array:
    return np.concatenate([1.0 - second, second], axis=1)
