"""What this machine is: a measured rate means nothing without it."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scoring.networks.engines import installed_versions
from scoring.networks.precision import cpu_flags

# Instruction sets that a network's inner products can use, by Linux' names.
_TELLING_FLAGS = (
    *("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_int8", "amx_bf16", "amx_fp16"),
    *("asimddp", "i8mm", "bf16", "sve"),  # ARM's
)
_LIBRARIES = ("keras", "tensorflow", "jax", "torch", "openvino", "nncf", "MNN", "ray", "pyarrow")


@dataclass(frozen=True)
class Machine:
    """What was measured on.

    Attributes:
        processor: Its name.
        num_cores: Cores that this process may use.
        flags: Instruction sets that decide how fast a network runs.
        memory_bytes: The machine's memory; None where it does not say.
        gpus: Names of the NVIDIA GPUs.
        system: Operating system and release.
        versions: Versions of Python and of the libraries that are installed.
    """

    processor: str
    num_cores: int
    flags: tuple[str, ...]
    memory_bytes: int | None
    gpus: tuple[str, ...]
    system: str
    versions: dict[str, str]


def describe_machine() -> Machine:
    """Describe the machine that this process runs on; imports none of the libraries."""
    flags = cpu_flags()
    return Machine(
        processor=_processor(),
        num_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        flags=tuple(flag for flag in _TELLING_FLAGS if flag in flags),
        memory_bytes=_memory_bytes(),
        gpus=_gpus(),
        system=f"{platform.system()} {platform.release()}",
        versions=installed_versions(*_LIBRARIES),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not a POSIX system, or one without these names
        return None


def _gpus() -> tuple[str, ...]:
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        output = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):  # no NVIDIA driver here
        return ()
    return tuple(line.strip() for line in output.splitlines() if line.strip())
