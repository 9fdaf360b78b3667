"""How fast an engine multiplies big matrices here: what no network of that engine and precision can exceed."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from scoring.networks.engines import EngineName, num_threads
from scoring.networks.keras_import import import_keras
from scoring.networks.precision import Precision

# Large enough that reading operands and writing results hides behind the arithmetic.
CPU_MATRIX_SIZE = 4096
GPU_MATRIX_SIZE = 16384  # at 800 TFLOP/s 11 ms, far above the cost of a launch
_SEED = 2017
_NUM_CONVOLUTIONS = 3


class MatrixPeak:
    """Multiplies the same matrices over and over; OpenVINO, as the convolutions of a network.

    Args:
        engine: What multiplies.
        precision: float32, bfloat16, float16 (Keras) or int8 (OpenVINO); results are accumulated as the engine does.
            MNN has float32 alone.
        backend: Keras'.
        size: Rows and columns of either matrix; of convolutions, eight times their channels.
    """

    def __init__(self, engine: EngineName, precision: Precision, backend: str, size: int = CPU_MATRIX_SIZE) -> None:
        # A multiplication and an addition for each term.
        if engine is EngineName.OPENVINO:
            (images, _, height, width), kernels = _convolution_shapes(size)
            self._flops = 2 * _NUM_CONVOLUTIONS * images * height * width * math.prod(kernels)
            self._multiply = _openvino_product(precision, size)
        else:
            self._flops = 2 * size**3
            on_mnn = engine is EngineName.MNN
            self._multiply = _mnn_product(size) if on_mnn else _keras_product(precision, backend, size)
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


def _mnn_product(size: int) -> Callable[[], object]:
    import MNN.expr

    MNN.expr.set_thread_number(num_threads())
    generator = np.random.default_rng(_SEED)
    left, right = (
        MNN.expr.const(generator.uniform(-1, 1, (size, size)).astype(np.float32), [size, size]) for _ in range(2)
    )
    return lambda: MNN.expr.reduce_max(MNN.expr.matmul(left, right)).read()


def _openvino_product(precision: Precision, size: int) -> Callable[[], object]:
    """Three 3 x 3 convolutions, whose result stays where it is: the layout that the engine is made for.

    On 2 cores of an EPYC they reach 910 GOP/s in int8, a plain product of matrices 820; VGG16 itself is between.
    """
    import openvino
    from openvino import opset13

    shape, kernels = _convolution_shapes(size)
    generator = np.random.default_rng(_SEED)
    pixels = generator.uniform(0, 1, shape).astype(np.float32)
    weights = opset13.constant(generator.uniform(-1, 1, kernels).astype(np.float32))
    highest = [1.0, *[float(kernels[0])] * (_NUM_CONVOLUTIONS - 1)]  # of each convolution's input
    if precision is Precision.INT8:  # these nodes tell OpenVINO to multiply in int8
        weights = _in_int8(weights, -1.0, 1.0, 255)
    inputs = outputs = opset13.parameter(shape, np.float32)
    for high in highest:
        outputs = _in_int8(outputs, 0.0, high, 256) if precision is Precision.INT8 else outputs
        outputs = opset13.relu(opset13.convolution(outputs, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    model = openvino.Model([opset13.reduce_max(outputs, np.array([1, 2, 3]))], [inputs], "product")
    hint = "bf16" if precision is Precision.BFLOAT16 else "f32"
    settings = {"INFERENCE_PRECISION_HINT": hint, "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": num_threads()}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return lambda: request.infer([pixels], share_inputs=True, share_outputs=True)


def _in_int8(values: Any, low: float, high: float, levels: int) -> Any:
    from openvino import opset13

    bounds = [opset13.constant(np.float32(bound)) for bound in (low, high, low, high)]
    return opset13.fake_quantize(values, *bounds, levels)


def _convolution_shapes(size: int) -> tuple[list[int], list[int]]:
    """Shapes of pixels and kernels: those in the middle of VGG16 where `size` is 4,096."""
    channels = size // 8
    return [16, channels, 28, 28], [channels, channels, 3, 3]
