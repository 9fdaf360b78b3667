"""Which classifier to load and how; travels to the workers, and is recorded in run.json."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from scoring.models.classifier import Classifier
from scoring.models.kinds import kind_of
from scoring.models.model_kind import ModelKind, Untold
from scoring.models.output_meaning import OutputMeaning, OutputReading
from scoring.networks.agreement import QUANTISED, Agreement, ComparedOutputs, ImageSample
from scoring.networks.engine_choice import check_engine, load_engine
from scoring.networks.engines import EngineName, RunsOnEngine
from scoring.networks.keras_inputs import check_size
from scoring.networks.keras_names import absolute_keras_name, keras_place
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision, choose_precision
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import InputShape
from scoring.run.predictions import StoreProbabilities, storing
from scoring.storage.locations import Location

# What follows a network's digest in that of its results: see `OutputReading.suffix` for the last two.
_ADDED = re.compile(rf"({QUANTISED}[0-9a-f]+)?(:multi-label)?(:from-logits)?")


@dataclass(frozen=True)
class ModelRequest(RunsOnEngine):
    """Which model to load and how; its `kind` knows the rest.

    Attributes:
        model: `vgg16-imagenet`, `vgg16-cats-dogs`, another name of `keras.applications`, a `.keras` classifier, here
            or on a hub, or a folder written by `finetune`.
        weights: A weights file for a published network, `random`, or None for ImageNet's; for a folder that holds a
            head only, the weights file of its base network.
        labels: `cat,dog`, or a file of such names; for published networks the path of an `imagenet_class_index.json`;
            or None.
        precision: Number format of the inner layers.
        backend: Keras' backend.
        engine: What runs the network.
        outputs: What the outputs of a `.keras` file mean; None leaves it to its last layer.
        output_name: Which of its outputs; None takes the only one.
        size: Height and width of the pixels of a `.keras` file; None takes its own, or 224 x 224.
        pixels: The scale of the pixels that a `.keras` file was trained on.
        store_probabilities: For how many classes all probabilities are stored.
    """

    model: str
    weights: str | None
    labels: str | None
    precision: Precision
    backend: str
    engine: EngineName = EngineName.KERAS
    outputs: OutputMeaning | None = None
    output_name: str | None = None
    size: tuple[int, int] | None = None
    pixels: PixelScale = PixelScale.UNCHANGED
    store_probabilities: StoreProbabilities = StoreProbabilities.FEW

    @property
    def kind(self) -> ModelKind:
        """What kind of model it is.

        Raises:
            ModelError: If it is of no kind.
        """
        told = Untold(self.outputs, self.output_name, self.size, self.pixels)
        return kind_of(self.model, self.weights, self.labels, told)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.model

    @property
    def needs_sample(self) -> bool:
        """Whether loading takes some of the images, to calibrate int8."""
        return self.precision is Precision.INT8

    @property
    def resize_mode(self) -> Resize | None:
        """How photos became squares when it was trained; None where nothing tells.

        Raises:
            ModelError: If it is of no kind, or a folder that is damaged.
        """
        return self.kind.resize_mode

    def absolute(self) -> "ModelRequest":
        """The same with absolute paths, and one version of what is on a hub, for workers that started elsewhere."""
        there = {field: str(path.absolute()) for field, path in self.kind.paths().items()}
        model, weights, labels = (there.get(field) for field in ("model", "weights", "labels"))
        named = absolute_keras_name(self.model) if keras_place(self.model) is None else self.model
        return replace(self, model=model or named, weights=weights or self.weights, labels=labels or self.labels)

    def files(self) -> dict[str, Location]:
        """The files that every worker must see, by the field that names them."""
        return self.kind.files()

    def known_labels(self) -> tuple[str, ...] | None:
        """One name per class; None where they would be downloaded."""
        return self.kind.known_labels()

    def known_storing(self) -> str:
        """For how many classes all probabilities are stored, as `Classifier.store_probabilities` says it."""
        asks = self.store_probabilities is StoreProbabilities.ALL or self.outputs is OutputMeaning.MULTI_LABEL
        return storing(self.kind.num_labels, asks) if asks else StoreProbabilities.FEW

    def check(self) -> None:
        """Raise ModelError for a request that cannot be met, without importing Keras."""
        check_engine(self.engine, self.precision)
        self.check_backend(self.model)
        self.kind.check()

    def load(self, sample: Callable[[InputShape], ImageSample] | None = None) -> Classifier:
        """Build the network, load its weights, and pick the precision.

        Args:
            sample: Gives some of the user's images in the network's shape; asked for only to calibrate int8.

        Raises:
            ModelError: If weights, shapes or labels do not fit together, or nothing tells what the outputs mean.
            DownloadError: If weights or class names are not here and cannot be downloaded.
        """
        check_engine(self.engine, self.precision)
        kind = self.kind
        kind.check()
        choice = choose_precision(self.precision, self.runtime)
        loaded = load_engine(
            self.engine, choice, self.backend, kind.network, sample, lambda *told: kind.reading(*told).still
        )
        check_size(loaded.engine.input_shape.size, self.size, self.model)  # an earlier conversion has not been asked
        reading = kind.reading(loaded.engine.num_outputs, loaded.last_activation)
        return Classifier(
            name=self.model,
            engine=loaded.engine,
            labels=kind.class_labels(),
            model_digest=loaded.digest + reading.suffix,
            precision=loaded.precision,
            reading=reading,
            clip=kind.clip(),
            agreement=_agreement(loaded.compared, reading),
            store=self.store_probabilities,
            may_mix=loaded.may_mix,
            class_numbers=kind.class_numbers(),
        )


def is_of_network(model_digest: str, network: str) -> bool:
    """Whether results are of a network, in int8 or not and however its outputs are read, by the digests of both."""
    return model_digest.startswith(network) and _ADDED.fullmatch(model_digest[len(network) :]) is not None


def _agreement(compared: ComparedOutputs | None, reading: OutputReading) -> Agreement | None:
    return compared.agreement(reading.to_probabilities, reading.is_multi_label) if compared else None
