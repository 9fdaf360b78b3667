"""The MNN engine: a network converted once per machine, run in float32 on a processor.

MNN computes 3 x 3 convolutions by minimal filtering (Winograd's algorithms; Lavin and Gray, arXiv:1509.09308), with a
quarter of the multiplications and less: VGG16 in float32 runs at twice the rate that this processor's matrix products
would allow to any engine that multiplies everything out.

Needs the extra: pip install 'shardscore[mnn]'.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError
from scoring.networks.checked_conversions import checked_conversion
from scoring.networks.company import noted_change_below
from scoring.networks.conversion_check import NUM_COMPARED
from scoring.networks.conversions import noted_last_activation
from scoring.networks.engines import AtOnce, EngineName, Network
from scoring.networks.library_words import words_of
from scoring.networks.mnn_session import MnnSession, first_outputs
from scoring.networks.precision import Precision
from scoring.pixels.input_shape import InputShape

if TYPE_CHECKING:
    import keras

PRECISIONS = (Precision.AUTO, Precision.FLOAT32)
# MNN's private converter, the extension module below its `mnnconvert`. That command itself, and all of MNN.tools,
# reports its use to MNN's makers and runs `pip install` for it when it is imported.
_CONVERT = """
import sys
try:
    from _tools import mnnconvert
except ImportError as error:
    sys.exit(f"no converter: {error}")
mnnconvert(sys.argv)
"""
_NO_CONVERTER = "no converter: "
_FILE = "model.mnn"


def check_mnn(precision: Precision) -> None:
    """Raise ModelError if MNN is not installed or cannot compute in this precision."""
    if precision not in PRECISIONS:
        raise ModelError(f"Expected `precision` {', '.join(PRECISIONS)} with `engine` mnn; received {precision}.")
    if importlib.util.find_spec("MNN") is None:
        raise ModelError("`engine` mnn needs MNN: pip install 'shardscore[mnn]'.")


class MnnEngine(AtOnce):
    """A network run by MNN on this process' cores.

    Attributes:
        last_activation: Tells what the network computes last.
        library: MNN with its version.
    """

    def __init__(self, network: Network) -> None:
        """Convert the network, or take what an earlier run on this machine converted.

        Args:
            network: Built only if it must be converted.

        Raises:
            ModelError: If MNN cannot run it, or runs it to other results than Keras.
        """
        self.library = f"mnn-{version('MNN')}"
        folder = checked_conversion(network, EngineName.MNN, self.library, _convert)
        self.change_below = noted_change_below(folder)
        self.last_activation = partial(noted_last_activation, folder)
        self.compared_in = NUM_COMPARED
        self._session = MnnSession(folder / _FILE)

    @property
    def num_outputs(self) -> int:
        """Values for each image."""
        return self._session.num_outputs

    @property
    def input_shape(self) -> InputShape:
        """Pixels of one image."""
        return self._session.input_shape

    def score(self, images: UInt8Array) -> Float32Array:
        """Score one batch; see `Engine.score`."""
        return self._session(images)


def _convert(model: "keras.Model", folder: Path) -> Callable[[UInt8Array], Float32Array]:
    """Write `model.mnn`, by way of LiteRT's format, and return what scores by it."""
    between, path = folder / "model.tflite", folder / _FILE
    try:
        model.export(str(between), format="litert", verbose=False)
    except Exception as error:  # Keras and TensorFlow each have their own words for a layer that has no counterpart
        said = words_of(error)
        raise ModelError(f"`engine` mnn cannot run this network; use another `engine`. {said}") from error
    _run_converter(between, path)
    between.unlink()
    return partial(first_outputs, path)


def _run_converter(source: Path, target: Path) -> None:
    """Convert LiteRT's format into MNN's, in a process of its own: the converter may end the one that calls it."""
    command = [sys.executable, "-c", _CONVERT, "-f", "TFLITE", "--bizCode", "shardscore"]
    files = ["--modelFile", str(source), "--MNNModel", str(target)]
    # It writes into its working folder, too, and leaves that there where it fails.
    ended = subprocess.run([*command, *files], capture_output=True, text=True, errors="replace", cwd=target.parent)
    if ended.returncode == 0 and target.exists():
        return
    last = ((ended.stdout + ended.stderr).strip().splitlines() or ["nothing"])[-1][:200]
    if last.startswith(_NO_CONVERTER):
        raise ModelError(
            f"Expected MNN to bring mnnconvert in its extension module _tools, as MNN 3.6 does; MNN {version('MNN')} "
            f"has {last}. Use `engine` openvino or keras."
        )
    raise ModelError(f"`engine` mnn cannot run this network; use another `engine`. Its converter said: {last}")
