"""What `--model` names, loaded: an engine with labels on its outputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError
from scoring.models.finetuned_network import finetuned_network
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record
from scoring.networks.agreement import Agreement, ImageSample
from scoring.networks.engine_choice import check_engine, load_engine
from scoring.networks.engines import Engine, EngineName, Network
from scoring.networks.imagenet import CAT_DOG_LABELS, NUM_CLASSES, cats_and_dogs, load_class_names
from scoring.networks.keras_files import check_keras_file, check_takes_pixels, keras_digest, load_keras_file
from scoring.networks.precision import Precision, PrecisionChoice, choose_precision
from scoring.networks.vgg16 import RANDOM_WEIGHTS, check_weights, vgg16_network
from scoring.run.predictions import ScoredImage, predictions_schema, write_predictions
from scoring.storage.downloads import local_copy
from scoring.storage.locations import Location, absolute_text, locate

if TYPE_CHECKING:
    import keras

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
        engine: What runs the network.
    """

    model: str
    weights: str | None
    labels: str | None
    precision: Precision
    backend: str
    engine: EngineName = EngineName.KERAS

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

    def files(self) -> dict[str, Location]:
        """The files that it names, by the user's field; every worker must see them."""
        model = locate(self.model)
        named = {"model": ModelFolder(model).training if model.is_dir() else model}
        return named | {name: locate(path) for name in ("weights", "labels") if (path := getattr(self, name))}

    @property
    def runtime(self) -> str:
        """What computes: Keras' backend, or another engine."""
        return self.backend if self.engine is EngineName.KERAS else str(self.engine)

    @property
    def engine_name(self) -> str:
        """In fingerprints: results of two engines differ in the last digits."""
        return f"keras-{self.backend}" if self.engine is EngineName.KERAS else str(self.engine)

    @property
    def needs_sample(self) -> bool:
        """Whether loading takes some of the images, to calibrate int8."""
        return self.precision is Precision.INT8

    def check(self) -> None:
        """Raise ModelError for a request that cannot be met, without importing Keras."""
        check_model(self)

    def load(self, sample: Callable[[], ImageSample]) -> "Classifier":
        """Build the network, load its weights, and pick the precision."""
        return load_classifier(self, sample)


@dataclass(frozen=True)
class Classifier:
    """A model ready to score: pixels in, probabilities of its labels out.

    Attributes:
        engine: Runs the network.
        labels: One name per class, in class order.
        model_digest: Identifies the network and its weights.
        precision: The number format in use, and why.
        to_probabilities: Turns the network's outputs into class probabilities.
        clip: How far its submissions keep from 0 and 1; None if nobody measured it.
        agreement: Of int8 with float32; else None.
    """

    engine: Engine
    labels: tuple[str, ...]
    model_digest: str
    precision: PrecisionChoice
    to_probabilities: Callable[[Float32Array], Float32Array]
    clip: float | None = None
    agreement: Agreement | None = None

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
    check_engine(request.engine, request.precision)
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


def load_classifier(request: ModelRequest, sample: Callable[[], ImageSample] | None = None) -> Classifier:
    """Build the network, load its weights, and pick the precision.

    Args:
        request: What to load.
        sample: Some of the user's images, asked for only to calibrate int8.

    Raises:
        ModelError: If weights, shapes or labels do not fit together.
        DownloadError: If weights or class names are not here and cannot be downloaded.
    """
    check_model(request)
    choice = choose_precision(request.precision, request.runtime)
    find_network = partial(_network, request)
    loaded = load_engine(request.engine, choice.precision, request.backend, find_network, sample)
    labels, to_probabilities = _outputs(request, loaded.engine.num_outputs)
    return Classifier(loaded.engine, labels, loaded.digest, choice, to_probabilities, _clip(request), loaded.agreement)


def _network(request: ModelRequest) -> Network:
    if request.model in (VGG16_IMAGENET, VGG16_CATS_DOGS):
        return vgg16_network(request.weights)
    location = locate(request.model)
    if location.is_dir():
        return finetuned_network(ModelFolder(location), load_training_record(ModelFolder(location)), request.weights)
    path = local_copy(location)
    return Network(keras_digest(path), lambda: _load_classifier_file(path))


def _clip(request: ModelRequest) -> float | None:
    if request.model in (VGG16_IMAGENET, VGG16_CATS_DOGS):
        return None
    location = locate(request.model)
    return load_training_record(ModelFolder(location)).calibration.clip if location.is_dir() else None


def _outputs(request: ModelRequest, num_outputs: int) -> tuple[tuple[str, ...], Callable[[Float32Array], Float32Array]]:
    """What a network's outputs mean: the labels, and how probabilities come from them."""
    labels = _labels(request)
    if request.model == VGG16_CATS_DOGS and num_outputs == NUM_CLASSES:
        return labels, cats_and_dogs
    if num_outputs == 1 and len(labels) == 2:
        return labels, _from_sigmoid
    if num_outputs != len(labels):
        shown = ",".join(labels[:5]) + (",..." if len(labels) > 5 else "")
        raise ModelError(
            f"Expected {num_outputs} labels, one per output of {request.model}; received {len(labels)}: {shown}."
        )
    return labels, _unchanged


def _labels(request: ModelRequest) -> tuple[str, ...]:
    if request.model == VGG16_CATS_DOGS:
        return CAT_DOG_LABELS
    if request.model == VGG16_IMAGENET:
        return load_class_names(local_copy(locate(request.labels)) if request.labels else None)
    location = locate(request.model)
    if location.is_dir():
        return load_training_record(ModelFolder(location)).labels
    return _split_labels(request.labels or "")


def _load_classifier_file(path: Path) -> "keras.Model":
    model = load_keras_file(path)
    check_takes_pixels(model, path)
    shape = tuple(model.outputs[0].shape)
    if len(shape) != 2:
        raise ModelError(f"Expected a classifier with outputs of shape (None, num_classes); {path} has {shape}.")
    return model


def _check_folder(request: ModelRequest) -> None:
    folder = ModelFolder(locate(request.model))
    training = load_training_record(folder)
    if request.labels is not None:
        raise ModelError(f"{folder.path} brings its labels, {','.join(training.labels)}. Leave --labels out.")
    if request.weights is not None and not training.head_only:
        raise ModelError(f"{folder.path} holds a whole network with its weights. Leave --weights out.")


def _check_vgg16(request: ModelRequest) -> None:
    check_weights(request.weights)
    if request.model == VGG16_CATS_DOGS and request.labels not in (None, ",".join(CAT_DOG_LABELS)):
        raise ModelError(f"{VGG16_CATS_DOGS} has the labels cat,dog; received {request.labels}. Leave --labels out.")
    if request.model == VGG16_IMAGENET and request.labels is not None and not locate(request.labels).is_file():
        raise ModelError(
            f"Expected --labels of {VGG16_IMAGENET} to be an imagenet_class_index.json; {request.labels} is no file."
        )


def _split_labels(labels: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in labels.split(","))
    if "" in names or len(set(names)) != len(names):
        raise ModelError(f"Expected --labels to be different names, such as cat,dog; received {labels!r}.")
    return names


def _unchanged(probabilities: Float32Array) -> Float32Array:
    return probabilities


def _from_sigmoid(second: Float32Array) -> Float32Array:
    return np.concatenate([1.0 - second, second], axis=1)
