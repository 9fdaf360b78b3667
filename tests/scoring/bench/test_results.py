import pytest

from scoring.bench.results import Variant, VariantRuns, bench_rows
from scoring.networks.engines import EngineName
from scoring.networks.precision import Precision

_KERAS = Variant(EngineName.KERAS, Precision.FLOAT32)
_OPENVINO = Variant(EngineName.OPENVINO, Precision.FLOAT32)
_INT8 = Variant(EngineName.OPENVINO, Precision.INT8)


def _runs(peak: float, forward: float, job: float) -> VariantRuns:
    """Three rounds, of which the middle one counts."""
    around = (0.5, 1.0, 40.0)
    return VariantRuns(
        [peak * factor for factor in around],
        [forward * factor for factor in around],
        [job * factor for factor in around],
        [12.0, 11.0, 60.0],
        [{"Ray": 3.0, "model": seconds} for seconds in (9.0, 8.0, 40.0)],
        [3e9, 2e9, 2e9],
        [2e8, 1e8, 3e8],
    )


def test_row_holds_medians_and_the_ratios_between_them() -> None:
    row = bench_rows({_KERAS: _runs(200.0, 6.0, 5.4)}, flops=25e9)[0]
    assert (row.peak_gflops, row.forward_images_per_s, row.job_images_per_s) == (200.0, 6.0, 5.4)
    assert (row.cold_s, row.worker_bytes, row.driver_bytes) == (12.0, 2e9, 2e8)
    assert row.cold_phases_s == {"Ray": 3.0, "model": 9.0}
    assert row.limit_images_per_s == pytest.approx(8.0)
    assert row.forward_of_limit == pytest.approx(0.75)
    assert row.job_of_forward == pytest.approx(0.9)


def test_limit_is_the_fastest_product_of_the_same_precision_by_any_engine() -> None:
    runs = {_KERAS: _runs(200.0, 6.0, 5.0), _OPENVINO: _runs(100.0, 3.0, 3.0), _INT8: _runs(800.0, 20.0, 19.0)}
    limits = [row.limit_images_per_s for row in bench_rows(runs, flops=25e9)]
    assert limits == pytest.approx([8.0, 8.0, 32.0])


def test_model_of_unknown_size_has_no_limit() -> None:
    row = bench_rows({_KERAS: _runs(200.0, 6.0, 5.4)}, None)[0]
    assert (row.limit_images_per_s, row.forward_of_limit) == (None, None)
