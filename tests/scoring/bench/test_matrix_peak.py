import pytest

from scoring.bench.machine import describe_machine
from scoring.bench.matrix_peak import MatrixPeak
from scoring.networks.engines import EngineName
from scoring.networks.precision import Precision
from scoring.process.memory import peak_memory_bytes


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16, Precision.INT8])
def test_openvino_multiplies_in_every_precision(precision: Precision) -> None:
    pytest.importorskip("openvino")
    assert MatrixPeak(EngineName.OPENVINO, precision, "tensorflow", size=64)(0.0) > 0


def test_mnn_multiplies() -> None:
    pytest.importorskip("MNN")
    assert MatrixPeak(EngineName.MNN, Precision.FLOAT32, "tensorflow", size=64)(0.0) > 0


@pytest.mark.keras
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
def test_keras_multiplies_in_every_precision(precision: Precision) -> None:
    assert MatrixPeak(EngineName.KERAS, precision, "tensorflow", size=64)(0.0) > 0


def test_rate_counts_two_operations_for_each_term(monkeypatch: pytest.MonkeyPatch) -> None:
    products: list[int] = []
    monkeypatch.setattr("scoring.bench.matrix_peak._keras_product", lambda *_: lambda: products.append(1))
    clock = iter([10.0, 10.5, 11.0, 11.5, 12.0])  # half a second for each product
    peak = MatrixPeak(EngineName.KERAS, Precision.FLOAT32, "tensorflow", size=1000)
    monkeypatch.setattr("scoring.bench.matrix_peak.time.perf_counter", lambda: next(clock))
    assert peak(2.0) == pytest.approx(4.0)  # 2e9 operations in 0.5 s
    assert len(products) == 1 + 4  # one to warm up


def test_machine_is_described_without_loading_what_it_names() -> None:
    machine = describe_machine()
    assert machine.processor
    assert machine.num_cores >= 1
    assert {"python", "numpy", "keras", "ray"} <= set(machine.versions)
    assert "unknown" not in machine.versions.values()


def test_peak_memory_grows_with_what_is_held() -> None:
    before = peak_memory_bytes()
    held = bytearray(before + 64 * 1024**2)
    assert len(held) <= peak_memory_bytes() < 1024**4
