"""The number format of a network's inner layers, and which one a device computes fastest."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scoring.networks.gpu import ON_PROCESSORS, compute_capability

ASKED_FOR = "asked for"  # the reason of what `auto` did not choose


class Precision(StrEnum):
    """The number format of the network's inner layers; its outputs are always float32."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    INT8 = "int8"


@dataclass(frozen=True)
class PrecisionChoice:
    """A number format, never `auto`, and why it is used."""

    precision: Precision
    reason: str


def choose_precision(asked: Precision, runtime: str) -> PrecisionChoice:
    """The precision that was asked for, or for `auto` the fastest that this process' device computes natively.

    GPUs of compute capability 8.0 (Ampere) on have bfloat16 units, from 7.0 (Volta) on float16 units. A processor
    with AVX512-BF16 or AMX runs bfloat16 at twice float32's rate under TensorFlow (oneDNN) and OpenVINO, not under the
    others. Processors with AVX512-FP16 (Sapphire Rapids and later) multiply bfloat16 in AMX; where a virtual machine
    hides AMX, their AVX512-BF16 reaches half of float32's rate (tests/benchmarks/README.md). `auto` never means int8,
    whose labels differ: it is for users to ask for.

    Args:
        asked: By the user.
        runtime: What computes: `tensorflow`, `jax`, `torch`, `openvino` or `mnn`.
    """
    if asked is not Precision.AUTO:
        return PrecisionChoice(asked, ASKED_FOR)
    capability = compute_capability() if runtime not in ON_PROCESSORS else None
    if capability is not None:
        precision = Precision.BFLOAT16 if capability >= 8.0 else Precision.FLOAT16
        reason = f"the GPU's compute capability is {capability:g}"
        return PrecisionChoice(precision if capability >= 7.0 else Precision.FLOAT32, reason)
    return _of_a_processor(cpu_flags(), runtime)


def _of_a_processor(flags: set[str], runtime: str) -> PrecisionChoice:
    units = sorted(flags & {"avx512_bf16", "amx_bf16"})
    if not units:
        return PrecisionChoice(Precision.FLOAT32, "the processor has no bfloat16 units")
    if runtime not in ("tensorflow", "openvino"):
        return PrecisionChoice(Precision.FLOAT32, f"{runtime} does not use the processor's {units[0]}")
    if "avx512_fp16" in flags and "amx_bf16" not in flags:
        return PrecisionChoice(Precision.FLOAT32, "the processor's bfloat16 is slow while its AMX is hidden")
    return PrecisionChoice(Precision.BFLOAT16, f"the processor has {' and '.join(units)}")


def cpu_flags() -> set[str]:
    """Instruction sets of this machine's processor, as Linux names them; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return set()
    return next((set(line.split(":")[1].split()) for line in lines if line.startswith(("flags", "Features"))), set())
