"""How fast an engine multiplies big square matrices here: what no network of that engine and precision can exceed."""

import os
import time
from collections.abc import Callable

import numpy as np

from scoring.networks.engines import EngineName
from scoring.networks.keras_import import import_keras
from scoring.networks.precision import Precision

# Large enough that reading operands and writing results hides behind the arithmetic.
CPU_MATRIX_SIZE = 4096
GPU_MATRIX_SIZE = 16384  # at 800 TFLOP/s 11 ms, far above the cost of a launch
_SEED = 2017


class MatrixPeak:
    """Multiplies the same two matrices over and over.

    Args:
        engine: What multiplies.
        precision: float32, bfloat16, float16 (Keras) or int8 (OpenVINO); results are accumulated as the engine does.
        backend: Keras'.
        size: Rows and columns of either matrix.
    """

    def __init__(self, engine: EngineName, precision: Precision, backend: str, size: int = CPU_MATRIX_SIZE) -> None:
        self._flops = 2 * size**3  # a multiplication and an addition for each of size^3 terms
        if engine is EngineName.OPENVINO:
            self._multiply = _openvino_product(precision, size)
        else:
            self._multiply = _keras_product(precision, backend, size)
        self._multiply()  # compiles, and packs what is constant

    def __call__(self, seconds: float) -> float:
        """Multiply for at least this long, and at least once.

        Returns:
            GFLOP/s; for int8 as many operations, though they are not of floating point.
        """
        num_products, started = 0, time.perf_counter()
        elapsed = 0.0
        while not num_products or elapsed < seconds:
            self._multiply()
            num_products += 1
            elapsed = time.perf_counter() - started
        return num_products * self._flops / elapsed / 1e9


def _keras_product(precision: Precision, backend: str, size: int) -> Callable[[], object]:
    import_keras(backend)
    import keras

    left, right = (
        keras.ops.cast(keras.random.uniform((size, size), -1, 1, seed=_SEED + which), str(precision))
        for which in range(2)
    )
    # One element is fetched: that waits for the product, wherever it is computed, and moves next to nothing.
    return lambda: keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.matmul(left, right)[:1, :1], "float32"))


def _openvino_product(precision: Precision, size: int) -> Callable[[], object]:
    """The right matrix is constant, as a layer's weights are: the engine may pack it beforehand."""
    import openvino
    from openvino import opset13

    generator = np.random.default_rng(_SEED)
    values = generator.uniform(-1, 1, (2, size, size)).astype(np.float32)
    left, right = opset13.parameter([size, size], np.float32), opset13.constant(values[1])
    first, second = left, right
    if precision is Precision.INT8:  # these nodes tell OpenVINO to multiply in int8
        bounds = [opset13.constant(np.float32(bound)) for bound in (-1, 1, -1, 1)]
        first, second = opset13.fake_quantize(left, *bounds, 256), opset13.fake_quantize(right, *bounds, 255)
    model = openvino.Model([opset13.matmul(first, second, False, True)], [left], "product")
    hint = "bf16" if precision is Precision.BFLOAT16 else "f32"
    threads = int(os.environ.get("OMP_NUM_THREADS") or 0)  # 0: all cores
    settings = {"INFERENCE_PRECISION_HINT": hint, "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return lambda: request.infer([values[0]], share_inputs=True, share_outputs=True)
