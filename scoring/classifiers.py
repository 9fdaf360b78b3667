"""What `--model` names, loaded: an engine with labels on its outputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.downloads import local_copy
from scoring.engines import Engine, KerasEngine, Precision, resolve_precision, use_backend
from scoring.errors import ModelError
from scoring.imagenet import CAT_DOG_LABELS, cats_and_dogs, load_class_names
from scoring.keras_files import check_keras_file, check_takes_pixels, keras_digest, load_keras_file
from scoring.model_folder import ModelFolder, load_finetuned
from scoring.predictions import ScoredImage, predictions_schema, write_predictions
from scoring.storage import Location, absolute_text, locate
from scoring.vgg16 import RANDOM_WEIGHTS, build_vgg16, check_weights

VGG16_IMAGENET = "vgg16-imagenet"
VGG16_CATS_DOGS = "vgg16-cats-dogs"


@dataclass(frozen=True)
class ModelRequest:
    """Which model to load and how.

    Attributes:
        model: `vgg16-imagenet`, `vgg16-cats-dogs`, a `.keras` classifier, or a folder written by `finetune`.
        weights: A weights file for VGG16, `random`, or None for ImageNet's; for a folder that holds a head only, its
            base network.
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
            model=self.model if self.model in (VGG16_IMAGENET, VGG16_CATS_DOGS) else absolute_text(self.model),
            weights=self.weights if self.weights in (None, RANDOM_WEIGHTS) else absolute_text(self.weights),
            labels=absolute_text(self.labels) if self.labels and self.model == VGG16_IMAGENET else self.labels,
        )

    @property
    def name(self) -> str:
        """For people."""
        return self.model

    def check(self) -> None:
        """Raise ModelError for a request that cannot be met, without importing Keras."""
        check_model(self)

    def load(self) -> "Classifier":
        """Build the network, load its weights, and pick the precision."""
        return load_classifier(self)


@dataclass(frozen=True)
class Classifier:
    """A model ready to score: pixels in, probabilities of its labels out.

    Attributes:
        engine: Runs the network.
        labels: One name per class, in class order.
        model_digest: Identifies the network and its weights.
        precision: The number format in use, never `auto`.
        to_probabilities: Turns the network's outputs into class probabilities.
        clip: How far its submissions keep from 0 and 1; None if nobody measured it.
    """

    engine: Engine
    labels: tuple[str, ...]
    model_digest: str
    precision: Precision
    to_probabilities: Callable[[Float32Array], Float32Array]
    clip: float | None = None

    def score(self, images: UInt8Array) -> Float32Array:
        """Score one batch.

        Args:
            images: RGB pixels, 0 to 255, shape (batch_size, 224, 224, 3). Left unchanged.

        Returns:
            Class probabilities, shape (batch_size, num_classes).
        """
        return self.to_probabilities(self.engine.score(images))

    def write(self, path: Location, rows: Sequence[ScoredImage], metadata: dict[str, str]) -> None:
        """Write a shard's predictions whole."""
        write_predictions(path, rows, self.labels, predictions_schema(self.labels, metadata))


def check_model(request: ModelRequest) -> None:
    """Raise ModelError for a request that cannot be met, without importing Keras."""
    if request.model in (VGG16_IMAGENET, VGG16_CATS_DOGS):
        _check_vgg16(request)
        return
    path = locate(request.model)
    if path.is_dir():
        _check_folder(request)
        return
    if path.suffix != ".keras":
        raise ModelError(
            f"Expected --model to be {VGG16_IMAGENET}, {VGG16_CATS_DOGS}, a .keras file or a folder written by "
            f"finetune; received {request.model!r}."
        )
    check_keras_file(path, "--model")
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
    use_backend(request.backend)
    precision = resolve_precision(request.precision, request.backend)
    if request.model in (VGG16_IMAGENET, VGG16_CATS_DOGS):
        return _vgg16_classifier(request, precision)
    path = locate(request.model)
    if path.is_dir():
        return _finetuned_classifier(ModelFolder(path), request.weights, precision)
    return _keras_classifier(local_copy(path), _split_labels(request.labels or ""), precision)


def _check_folder(request: ModelRequest) -> None:
    folder = ModelFolder(locate(request.model))
    training = folder.load_training()
    if request.labels is not None:
        raise ModelError(f"{folder.path} brings its labels, {','.join(training.labels)}. Leave --labels out.")
    if request.weights is not None and not training.head_only:
        raise ModelError(f"{folder.path} holds a whole network with its weights. Leave --weights out.")


def _finetuned_classifier(folder: ModelFolder, weights: str | None, precision: Precision) -> Classifier:
    network, digest = load_finetuned(folder, weights)
    training = folder.load_training()
    return Classifier(
        KerasEngine(network, precision), training.labels, digest, precision, _unchanged, training.calibration.clip
    )


def _check_vgg16(request: ModelRequest) -> None:
    check_weights(request.weights)
    if request.model == VGG16_CATS_DOGS and request.labels not in (None, ",".join(CAT_DOG_LABELS)):
        raise ModelError(f"{VGG16_CATS_DOGS} has the labels cat,dog; received {request.labels}. Leave --labels out.")
    if request.model == VGG16_IMAGENET and request.labels is not None and not locate(request.labels).is_file():
        raise ModelError(
            f"Expected --labels of {VGG16_IMAGENET} to be an imagenet_class_index.json; {request.labels} is no file."
        )


def _vgg16_classifier(request: ModelRequest, precision: Precision) -> Classifier:
    if request.model == VGG16_CATS_DOGS:
        network, digest = build_vgg16(request.weights)
        fine_tuned = network.outputs[0].shape[1] == len(CAT_DOG_LABELS)  # weights that the course's lesson saved
        to_probabilities = _unchanged if fine_tuned else cats_and_dogs
        return Classifier(KerasEngine(network, precision), CAT_DOG_LABELS, digest, precision, to_probabilities)
    labels = load_class_names(local_copy(locate(request.labels)) if request.labels else None)
    network, digest = build_vgg16(request.weights)
    if network.outputs[0].shape[1] != len(labels):
        raise ModelError(
            f"Expected weights of {len(labels):,} classes; {request.weights} has {network.outputs[0].shape[1]}."
        )
    return Classifier(KerasEngine(network, precision), labels, digest, precision, _unchanged)


def _keras_classifier(path: Path, labels: tuple[str, ...], precision: Precision) -> Classifier:
    model = load_keras_file(path)
    check_takes_pixels(model, path)
    shape = tuple(model.outputs[0].shape)
    if len(shape) != 2:
        raise ModelError(f"Expected a classifier with outputs of shape (None, num_classes); {path} has {shape}.")
    binary = shape[1] == 1 and len(labels) == 2  # a sigmoid: the probability of the second label
    if shape[1] != len(labels) and not binary:
        raise ModelError(
            f"Expected {shape[1]} labels, one per output of {path}; received {len(labels)}: {','.join(labels)}."
        )
    to_probabilities = _from_sigmoid if binary else _unchanged
    return Classifier(KerasEngine(model, precision), labels, keras_digest(path), precision, to_probabilities)


def _split_labels(labels: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in labels.split(","))
    if "" in names or len(set(names)) != len(names):
        raise ModelError(f"Expected --labels to be different names, such as cat,dog; received {labels!r}.")
    return names


def _unchanged(probabilities: Float32Array) -> Float32Array:
    return probabilities


def _from_sigmoid(second: Float32Array) -> Float32Array:
    return np.concatenate([1.0 - second, second], axis=1)
