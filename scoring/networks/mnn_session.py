"""A network in MNN's format, in memory; and as a program, its first batch in a process of its own.

MNN converts some networks and then writes beyond its own memory when it computes them, which ends the process or
damages what it holds: in MNN 3.6 those that begin with `x[..., ::-1]` and pool what follows.
"""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import IncompleteError
from scoring.networks.engines import num_threads
from scoring.networks.library_words import sentence_of, words_of
from scoring.pixels.input_shape import InputShape, filled
from scoring.process.child_process import FROM_OUTSIDE, child_command, child_environment
from scoring.process.import_clock import libraries_are_imported

# Memory of glibc 2.34 and later that ends a process in which something wrote beyond its own: else such a
# network may score right, and what it damages ends an actor later. Systems without it load nothing.
_CHECKED_MEMORY = {"LD_PRELOAD": "libc_malloc_debug.so.0", "GLIBC_TUNABLES": "glibc.malloc.check=3"}

_LONGEST_S = 600.0  # of a batch of four, which takes seconds; what MNN damages may also keep it going round


class MnnSession:
    """A converted network in memory, ready for one batch size at a time."""

    def __init__(self, path: Path) -> None:
        """Read the network from its file."""
        import MNN

        libraries_are_imported()
        self._interpreter = MNN.Interpreter(str(path))
        settings = {"backend": "CPU", "numThread": num_threads(), "precision": "high"}
        self._session = self._interpreter.createSession(settings)
        self._input = self._interpreter.getSessionInput(self._session)
        self._output = self._interpreter.getSessionOutput(self._session)

    @property
    def num_outputs(self) -> int:
        """Values for each image."""
        return int(self._output.getShape()[-1])

    @property
    def input_shape(self) -> InputShape:
        """Pixels of one image."""
        return filled(self._input.getShape()[1:])

    def __call__(self, images: UInt8Array) -> Float32Array:
        """Pixels, shape (batch_size, height, width, channels), to outputs, shape (batch_size, num_outputs)."""
        import MNN

        if self._input.getShape() != images.shape:
            self._interpreter.resizeTensor(self._input, images.shape)
            self._interpreter.resizeSession(self._session)
        channels_last = MNN.Tensor_DimensionType_Tensorflow
        self._input.copyFrom(MNN.Tensor(images.shape, MNN.Halide_Type_Uint8, images, channels_last))
        if error := self._interpreter.runSession(self._session):
            raise RuntimeError(f"MNN ended with error {error}")
        shape = self._output.getShape()
        outputs = MNN.Tensor(shape, MNN.Halide_Type_Float, np.zeros(shape, np.float32), channels_last)
        self._output.copyToHostTensor(outputs)
        return np.array(outputs.getNumpyData(), dtype=np.float32)


def first_outputs(path: Path, pixels: UInt8Array) -> Float32Array:
    """Score a network's first batch in a process of its own, which MNN may crash.

    Args:
        path: The network in MNN's format.
        pixels: Shape (batch_size, height, width, channels).

    Returns:
        Shape (batch_size, num_outputs).

    Raises:
        RuntimeError: If MNN cannot run the network, crashes, or does not end.
        IncompleteError: If the process cannot start, or is killed from outside: that is no fault of the network.
    """
    environment = child_environment(**_CHECKED_MEMORY)
    asked = pickle.dumps((path, pixels))
    try:
        ended = subprocess.run(
            child_command(__name__), input=asked, env=environment, capture_output=True, timeout=_LONGEST_S
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"MNN has not ended after {_LONGEST_S:,.0f} s") from error
    if ended.stdout:
        answer: Float32Array | RuntimeError = pickle.loads(ended.stdout)
        if isinstance(answer, RuntimeError):
            raise answer
        return answer
    code = ended.returncode
    if code < 0 and code not in FROM_OUTSIDE:
        raise RuntimeError(f"it crashes MNN ({signal.strsignal(-code)})")
    said = sentence_of((ended.stderr.decode(errors="replace").strip().splitlines() or ["nothing"])[-1])
    raise IncompleteError(
        f"Expected a process to try a network in MNN; it ended with code {code} and said: {said} If memory is short, "
        "use fewer actors or a machine with more, and run again."
    )


def _main() -> None:
    """Read a network's path and pixels from the standard input, and write outputs, or what went wrong, to the output.

    MNN writes to the standard output as well: that goes where errors go.
    """
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        path, pixels = pickle.load(sys.stdin.buffer)
        try:
            answer: Float32Array | RuntimeError = MnnSession(path)(pixels)
        except Exception as error:  # raised again where it was asked for  # noqa: BLE001
            answer = RuntimeError(words_of(error))
        answers.write(pickle.dumps(answer))


if __name__ == "__main__":
    _main()
