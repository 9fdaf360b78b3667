"""The engine that a user chose: whether it can run here, and a network loaded into it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from scoring.errors import ModelError
from scoring.networks.agreement import ComparedOutputs, ImageSample
from scoring.networks.engines import Engine, EngineName, Network
from scoring.networks.keras_engine import KerasEngine
from scoring.networks.keras_import import import_keras
from scoring.networks.last_activation import NONE, last_activation
from scoring.networks.last_step import LastStep
from scoring.networks.library_words import sentence_of
from scoring.networks.mnn_engine import MnnEngine, check_mnn
from scoring.networks.openvino_engine import OpenVinoEngine, check_openvino
from scoring.networks.precision import Precision, PrecisionChoice
from scoring.networks.precision_check import held_precision
from scoring.pixels.input_shape import InputShape, filled
from scoring.process.telemetry import mute_telemetry

if TYPE_CHECKING:
    import keras

# Keras exports LiteRT from TensorFlow alone, and OpenVINO cannot run what it exports from JAX or PyTorch. What one
# backend converted is kept for all of them.
_CONVERTING_BACKEND = "tensorflow"
_Still: TypeAlias = Callable[[int, Callable[[], str]], str]


@dataclass(frozen=True)
class LoadedEngine:
    """A network ready to run.

    Attributes:
        engine: Runs the network.
        digest: Identifies the network and its weights; a quantised network has a digest of its own.
        precision: The number format in use, and why.
        last_activation: Tells what the network computes last, as `last_activation` says it.
        may_mix: Whether images of a batch may shape each other's outputs; published networks see each by itself.
        compared: Outputs in int8 beside those in float32; None in other precisions.
    """

    engine: Engine
    digest: str
    precision: PrecisionChoice
    last_activation: Callable[[], str]
    may_mix: bool
    compared: ComparedOutputs | None = None


def check_engine(name: EngineName, precision: Precision) -> None:
    """Raise ModelError if the engine is not installed or cannot compute in this precision, without importing it."""
    if name is EngineName.OPENVINO:
        check_openvino(precision)
    elif name is EngineName.MNN:
        check_mnn(precision)
    elif precision is Precision.INT8:
        raise ModelError("Expected `engine` openvino with `precision` int8, which Keras cannot run.")


def load_engine(
    name: EngineName,
    choice: PrecisionChoice,
    backend: str,
    find_network: Callable[[], Network],
    sample: Callable[[InputShape], ImageSample] | None = None,
    still: _Still | None = None,
) -> LoadedEngine:
    """Load a network into an engine.

    Args:
        name: Which engine.
        choice: Number format of the inner layers.
        backend: The backend of Keras, where that runs the network; TensorFlow's converts it for other engines.
        find_network: May load all of the weights to digest them; called again once they are in the network.
        sample: Gives some of the user's images in the network's shape; asked for only to calibrate int8.
        still: What is still to be computed of a classifier's outputs, SOFTMAX, SIGMOID or NONE, by their number and by
            what tells the network's last activation. Keras then computes the last layer with weights, and all that
            follows, in float32. None for what is no classifier.

    Raises:
        ModelError: If the network cannot be built, its files change meanwhile, the engine cannot run it, or float16,
            asked for, does not hold it.
        DownloadError: If weights are not here and cannot be downloaded.
    """
    if name is EngineName.KERAS:
        with ThreadPoolExecutor(1) as thread:
            found = thread.submit(find_network)  # digests the weights, which are read from the disk, meanwhile
            import_keras(backend)
        network = found.result()
        model = _built(network, find_network)
        choice = _held_by_keras(model, choice, network, still)
        return LoadedEngine(
            KerasEngine(model, choice.precision, still is not None),
            network.digest,
            choice,
            partial(last_activation, model),
            not network.is_published,
        )
    mute_telemetry()
    network = _built_lazily(find_network(), find_network, name)
    if name is EngineName.MNN:
        mnn = MnnEngine(network)
        return LoadedEngine(mnn, network.digest, choice, mnn.last_activation, not network.is_published)
    engine = OpenVinoEngine(network, choice.precision, sample)
    step = partial(_last_step, engine.num_outputs, engine.last_activation, still)
    held = held_precision(choice, network, engine.library, engine.input_shape, engine.score_in, step)
    if held.precision is not choice.precision:
        engine = OpenVinoEngine(network, held.precision)
    return LoadedEngine(engine, engine.digest, held, engine.last_activation, not network.is_published, engine.compared)


def _held_by_keras(
    model: "keras.Model", choice: PrecisionChoice, network: Network, still: _Still | None
) -> PrecisionChoice:
    """See `held_precision`; the model's policies are changed."""
    import keras

    return held_precision(
        choice,
        network,
        f"keras-{keras.__version__}-{keras.config.backend()}",
        filled(model.inputs[0].shape[1:]),
        lambda precision: KerasEngine(model, precision, still is not None).score,
        lambda: _last_step(int(model.outputs[0].shape[1]), partial(last_activation, model), still),
    )


def _last_step(num_outputs: int, activation: Callable[[], str], still: _Still | None) -> LastStep:
    if still is None:
        return LastStep()
    name = still(num_outputs, activation)
    return LastStep(name, is_done=False) if name != NONE else LastStep(activation())


def _built_lazily(network: Network, find_network: Callable[[], Network], engine: EngineName) -> Network:
    """The same network; Keras and TensorFlow are imported only if it must be built, to be converted for an engine."""

    def build() -> "keras.Model":
        try:
            import_keras(_CONVERTING_BACKEND)
        except ImportError as error:
            raise ModelError(
                f"`engine` {engine} needs TensorFlow, which converts networks for it whatever Keras' backend is; it "
                f"cannot be imported: {sentence_of(error)} Use pip install tensorflow, or `engine` keras."
            ) from error
        return _built(network, find_network)

    return replace(network, build=build)


def _built(network: Network, find_network: Callable[[], Network]) -> "keras.Model":
    """Build a network; refuse one whose files are others by now, for nothing tells which of them were built."""
    model = network.build()
    if find_network().digest != network.digest:
        raise ModelError("Expected a model that nobody writes to; a file of it was replaced meanwhile. Run again.")
    return model
