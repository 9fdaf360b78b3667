"""VGG16's first dense layer in int8 by OpenVINO: as it comes from Keras, and as a convolution over the batch.

    python -m tests.benchmarks.wide_layer [--rounds 40]

Quantises VGG16 both ways (random weights, noise; some minutes), scores the same batches by turns, and prints the
milliseconds of a batch of 16, medians, and the largest difference of any output.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.networks import openvino_engine
from scoring.networks.agreement import ImageSample
from scoring.networks.keras_import import import_keras
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import RANDOM_WEIGHTS, vgg16_network

_BATCH_SIZE = 16
_NEVER = 10**9


def main() -> None:
    """Print both, and what they differ by."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    images = np.random.default_rng(2017).integers(0, 256, (_BATCH_SIZE, 224, 224, 3), np.uint8)
    import_keras("tensorflow")
    converted = openvino_engine._converted(vgg16_network(RANDOM_WEIGHTS))
    many = openvino_engine._MANY_INPUTS
    networks = {
        "as it comes": _Network(converted, images, _NEVER),
        "as a convolution": _Network(converted, images, many),
    }
    for _ in range(rounds):
        for network in networks.values():
            network.time_batch()
    for name, network in networks.items():
        print(f"{name}: {network.batch_ms:.1f} ms")
    first, second = (network.outputs for network in networks.values())
    print(f"largest difference of an output: {np.abs(first - second).max():g}")


class _Network:
    """VGG16 in int8, with dense layers of so many inputs written as convolutions."""

    def __init__(self, converted: Path, images: UInt8Array, many_inputs: int) -> None:
        openvino_engine._MANY_INPUTS = many_inputs
        with tempfile.TemporaryDirectory() as folder:
            openvino_engine._quantise(converted, ImageSample(images, images), Path(folder))
            self._compiled = openvino_engine._compile(openvino_engine._read(Path(folder)), _BATCH_SIZE, Precision.INT8)
        self._images = images
        self._seconds: list[float] = []
        self.outputs: Float32Array = np.array(self._compiled(images)[0])

    def time_batch(self) -> None:
        started = time.perf_counter()
        self._compiled(self._images)
        self._seconds.append(time.perf_counter() - started)

    @property
    def batch_ms(self) -> float:
        return 1000 * statistics.median(self._seconds)


if __name__ == "__main__":
    main()
