"""The OpenVINO engine: a network converted once per machine, run in float32, bfloat16 or int8 on a processor.

Needs the extra: pip install 'shardscore[openvino]'.
"""

import hashlib
import importlib.util
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError
from scoring.networks.agreement import QUANTISED, ComparedOutputs, ImageSample
from scoring.networks.checked_conversions import checked_conversion
from scoring.networks.company import noted_change_below
from scoring.networks.conversions import conversion_folder, is_whole, made_once, noted_last_activation
from scoring.networks.engines import AtOnce, EngineName, Network, num_threads
from scoring.networks.keras_engine import EXACT
from scoring.networks.library_words import sentence_of
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import InputShape, filled
from scoring.process.import_clock import libraries_are_imported
from scoring.storage.downloads import file_digest

if TYPE_CHECKING:
    import keras
    import openvino

PRECISIONS = (Precision.AUTO, Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8)
_SETTINGS = {
    Precision.FLOAT32: {"INFERENCE_PRECISION_HINT": "f32"},
    Precision.BFLOAT16: {"INFERENCE_PRECISION_HINT": "bf16"},
    # Each layer is cut into more pieces than there are threads: while one core decodes a photo, the others take over
    # its pieces. Sums of int8 are exact, so the results are the same, bit by bit.
    Precision.INT8: {"INFERENCE_PRECISION_HINT": "f32", "TBB_PARTITIONER": "AUTO"},
}
_BATCH_SIZE = 16
_WITH_WEIGHTS = {"Convolution", "GroupConvolution", "MatMul"}  # what int8 makes faster
_ELEMENTWISE = {"Add", "Subtract", "Multiply", "Divide"}  # what standardises the inputs of a head


def check_openvino(precision: Precision) -> None:
    """Raise ModelError if OpenVINO is not installed or cannot compute in this precision."""
    if precision not in PRECISIONS:
        raise ModelError(f"Expected `precision` {', '.join(PRECISIONS)} with `engine` openvino; received {precision}.")
    for package in ("openvino", *(["nncf"] if precision is Precision.INT8 else [])):
        if importlib.util.find_spec(package) is None:
            raise ModelError(f"`engine` openvino needs {package}: pip install 'shardscore[openvino]'.")


class OpenVinoEngine(AtOnce):
    """A network run by OpenVINO on this process' cores.

    Attributes:
        digest: Identifies network and weights; a quantised network has a digest of its own.
        last_activation: Tells what the network computes last.
        compared: Outputs of a quantised network beside those in float32; None for others.
        library: OpenVINO with its version.
    """

    def __init__(
        self, network: Network, precision: Precision, sample: Callable[[InputShape], ImageSample] | None = None
    ) -> None:
        """Convert the network, or take what an earlier run on this machine converted.

        Args:
            network: Built only if it must be converted.
            precision: float32, bfloat16 or int8.
            sample: Gives some of the user's images in the network's shape; asked for int8 only.

        Raises:
            ModelError: If OpenVINO cannot run it, or runs it to other results than Keras.
        """
        self.digest, self.compared, self.library = network.digest, None, _library()
        folder = checked_conversion(network, EngineName.OPENVINO, self.library, _convert)
        self.last_activation = partial(noted_last_activation, folder)
        self.change_below = noted_change_below(folder)
        if precision is Precision.INT8:
            assert sample is not None
            folder, self.compared = _quantised(folder, sample(_input_shape(_load(folder))), network.digest)
            self.digest = f"{network.digest}{QUANTISED}{_weights_digest(folder)}"
        self._model = _load(folder)
        self._precision = precision
        self._compiled: dict[int, Any] = {}  # batch size -> compiled model

    @property
    def num_outputs(self) -> int:
        """Values for each image."""
        return int(self._model.outputs[0].partial_shape[1].get_length())

    @property
    def input_shape(self) -> InputShape:
        """Pixels of one image."""
        return _input_shape(self._model)

    def score(self, images: UInt8Array) -> Float32Array:
        """Score one batch; see `Engine.score`."""
        if len(images) not in self._compiled:
            self._compiled[len(images)] = _compile(self._model, len(images), self._precision)
        return np.array(self._compiled[len(images)](images)[0], dtype=np.float32)

    def score_in(self, precision: Precision) -> Callable[[UInt8Array], Float32Array]:
        """What scores single images in another precision than the engine's own."""
        compiled = _compile(self._model, 1, precision)
        return lambda image: np.array(compiled(image)[0], dtype=np.float32)


def _library() -> str:
    import openvino

    return f"openvino-{openvino.__version__.split('-')[0]}"


def _load(folder: Path) -> "openvino.Model":
    import openvino

    libraries_are_imported()
    return openvino.Core().read_model(folder / "model.xml")


def _input_shape(model: "openvino.Model") -> InputShape:
    return filled([dimension.get_length() for dimension in list(model.inputs[0].partial_shape)[1:]])


def _compile(model: "openvino.Model", batch_size: int, precision: Precision) -> Any:
    import openvino

    model.reshape(list(_input_shape(model).as_array(batch_size)))
    settings = {
        **_SETTINGS[precision],
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": num_threads(),
        "ENABLE_CPU_PINNING": False,  # every process would pin its threads to the same first cores
    }
    return openvino.Core().compile_model(model, "CPU", settings)


def _convert(model: "keras.Model", folder: Path) -> Callable[[UInt8Array], Float32Array]:
    """Write OpenVINO's files, and return what scores by them in float32."""
    try:
        model.export(str(folder / "model.xml"), format="openvino", verbose=False)
    except Exception as error:  # Keras, TensorFlow and OpenVINO each have their own words for what has no counterpart
        reason = sentence_of(error)
        raise ModelError(f"`engine` openvino cannot run this network: {reason} Use `engine` keras.") from error
    return lambda pixels: _scores(_load(folder), Precision.FLOAT32, pixels)


def _quantised(converted: Path, sample: ImageSample, digest: str) -> tuple[Path, ComparedOutputs]:
    """The network in int8, calibrated on these images or as it was when the run began, and its outputs for others."""
    pixels = hashlib.sha256(sample.to_calibrate.tobytes() + sample.to_compare.tobytes()).hexdigest()
    folder = _find_quantised(converted, digest, sample.earlier_model) or converted / f"int8-{pixels[:32]}"
    with made_once(folder) as temporary:
        if temporary:
            _quantise(converted, sample, temporary)
    with made_once(folder / "compared") as temporary:
        if temporary:
            exact = _scores(_load(converted), Precision.FLOAT32, sample.to_compare)
            np.save(temporary / "exact.npy", exact)
            np.save(temporary / "quantised.npy", _scores(_load(folder), Precision.INT8, sample.to_compare))
    exact, quantised = (np.load(folder / "compared" / f"{name}.npy") for name in ("exact", "quantised"))
    return folder, ComparedOutputs(exact, quantised)


def _find_quantised(converted: Path, digest: str, model: str) -> Path | None:
    """Where a model is that this machine has quantised before; None if it has not, or it is of another network."""
    network, _, weights = model.partition(QUANTISED)
    if network != digest:
        return None
    earlier = conversion_folder(digest, _library())  # earlier versions', of the same network in float32
    found = (path.parent for folder in (converted, earlier) for path in sorted(folder.glob("int8-*/model.bin")))
    return next((folder for folder in found if weights.startswith(_weights_digest(folder)) and is_whole(folder)), None)


def _weights_digest(quantised: Path) -> str:
    return file_digest(quantised / "model.bin")[:16]


def _quantise(converted: Path, sample: ImageSample, folder: Path) -> None:
    """Post-training quantisation; the statistics are those of every calibration image."""
    import nncf
    import openvino

    nncf.set_log_level(logging.ERROR)
    images = [image[None] for image in sample.to_calibrate]
    model = _load(converted)
    exact = [*_exact_nodes(model), *_mirrors(model), *_nodes_at_the_end(model)]
    scope = nncf.IgnoredScope(names=exact, validate=False) if exact else None
    quantised = nncf.quantize(model, nncf.Dataset(images), subset_size=len(images), ignored_scope=scope)
    openvino.save_model(quantised, folder / "model.xml", compress_to_fp16=False)


def _exact_nodes(model: "openvino.Model") -> list[str]:
    """Names of all nodes from the beginning of a nested network called `EXACT`; conversion keeps its name in some."""
    found: dict[str, Any] = {}
    waiting = [node for node in model.get_ops() if f"/{EXACT}" in node.get_friendly_name()]
    while waiting:
        node = waiting.pop()
        if node.get_friendly_name() in found:
            continue
        found[node.get_friendly_name()] = node
        waiting += [target.get_node() for output in node.outputs() for target in output.get_target_inputs()]
        sources = [each.get_source_output().get_node() for each in node.inputs()]
        waiting += [source for source in sources if source.get_type_name() in _ELEMENTWISE]
    return list(found)


def _mirrors(model: "openvino.Model") -> list[str]:
    """Names of the nodes that turn pictures round, as `mirrored` does.

    NNCF takes what gathers for a table of embeddings, and would round the pixels in it: of a small network of random
    weights, int8 loses thirty times as much so.
    """
    gathers = [node for node in model.get_ops() if node.get_type_name() == "Gather"]
    indices = [(node, node.input_value(1).get_node()) for node in gathers]
    constant = [(node, source.data) for node, source in indices if source.get_type_name() == "Constant"]
    return [node.get_friendly_name() for node, data in constant if np.array_equal(data, np.arange(data.size)[::-1])]


def _nodes_at_the_end(model: "openvino.Model") -> list[str]:
    """Names of all nodes behind the last layers with weights: pooling, roots, softmax.

    In int8 they gain nothing, and roots of values near zero lose much: of squeezenet's features, pooled in three ways,
    the mean cosine with those in float32 is 0.998 so, and 0.989 otherwise (120 photos).
    """
    below: set[str] = set()
    at_the_end = []
    for node in reversed(model.get_ordered_ops()):
        name = node.get_friendly_name()
        targets = [target.get_node() for output in node.outputs() for target in output.get_target_inputs()]
        if any(each.get_type_name() in _WITH_WEIGHTS or each.get_friendly_name() in below for each in targets):
            below.add(name)
        elif node.get_type_name() not in _WITH_WEIGHTS:
            at_the_end.append(name)
    return at_the_end


def _scores(model: "openvino.Model", precision: Precision, images: UInt8Array) -> Float32Array:
    blocks = np.array_split(images, -(-len(images) // _BATCH_SIZE))
    return np.concatenate([_compile(model, len(block), precision)(block)[0] for block in blocks])
