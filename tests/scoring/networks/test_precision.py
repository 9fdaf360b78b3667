import pytest

from scoring.networks.precision import Precision, choose_precision

_ZEN_4 = {"avx512f", "avx512_bf16"}
_SAPPHIRE_RAPIDS = {"avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_tile"}
_AMX_HIDDEN = {"avx512f", "avx512_bf16", "avx512_fp16"}


@pytest.mark.parametrize(
    ("flags", "runtime", "precision", "reason"),
    [
        (_ZEN_4, "tensorflow", Precision.BFLOAT16, "the processor has avx512_bf16"),
        (_SAPPHIRE_RAPIDS, "openvino", Precision.BFLOAT16, "the processor has amx_bf16 and avx512_bf16"),
        (_AMX_HIDDEN, "tensorflow", Precision.FLOAT32, "AMX is hidden"),
        (_AMX_HIDDEN, "openvino", Precision.FLOAT32, "AMX is hidden"),
        (_ZEN_4, "mnn", Precision.FLOAT32, "mnn does not use the processor's avx512_bf16"),
        (_ZEN_4, "torch", Precision.FLOAT32, "torch does not use"),
        ({"avx2"}, "tensorflow", Precision.FLOAT32, "no bfloat16 units"),
    ],
)
def test_auto_takes_what_the_processor_multiplies_fastest(
    flags: set[str], runtime: str, precision: Precision, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("scoring.networks.precision.cpu_flags", lambda: flags)
    choice = choose_precision(Precision.AUTO, runtime)
    assert choice.precision is precision
    assert reason in choice.reason


def test_what_was_asked_for_is_taken_on_any_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.networks.precision.cpu_flags", lambda: _AMX_HIDDEN)
    assert choose_precision(Precision.BFLOAT16, "tensorflow").precision is Precision.BFLOAT16
