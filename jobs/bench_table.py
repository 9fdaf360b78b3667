"""A benchmark as tables: the machine, then every variant beside its limits."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from jobs.reporting import print_table
from scoring.bench.machine import Machine
from scoring.bench.results import BenchRow

# Eighty characters in all, for logs.
_COLUMNS = (
    *("\n", "peak\nGFLOP/s", "\nlimit", "\nforward", "of\nlimit", "\njob", "of\nforward"),
    *("cold\ns", "worker\nMB", "driver\nMB"),
)


def print_bench(
    console: Console,
    machine: Machine,
    rows: Sequence[BenchRow],
    decode_rate: float,
    left_out: Mapping[str, str],
    layout: Mapping[str, float],
) -> None:
    """Print the machine, one row for each variant, and what could not be measured.

    Args:
        console: Where to.
        machine: What was measured on.
        rows: Medians of each variant.
        decode_rate: Images per second and core.
        left_out: Names of variants, and why.
        layout: `num_cpus` and `num_gpus` of the one worker.
    """
    print_machine(console, machine)
    title = f"images/s of one worker with {layout['num_cpus']:g} cores and {layout['num_gpus']:g} GPUs; medians"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in _COLUMNS:
        table.add_column(heading, justify="right" if heading.strip() else "left", no_wrap=True)
    for row in rows:
        table.add_row(*_cells(row))
    console.print(table)
    _print_phases(console, rows)
    console.print(f"decoding: {decode_rate:.0f} images/s per core")
    for name, reason in left_out.items():
        console.print(f"left out {name}: {reason}")


def _print_phases(console: Console, rows: Sequence[BenchRow]) -> None:
    """Where a cold command's seconds go, phase by phase."""
    table = Table(title="seconds of a cold command", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for phase in rows[0].cold_phases_s:
        table.add_column(phase, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(str(row.variant), *(f"{seconds:.1f}" for seconds in row.cold_phases_s.values()))
    console.print(table)


def print_machine(console: Console, machine: Machine) -> None:
    """Print what was measured on."""
    memory = "unknown" if machine.memory_bytes is None else f"{machine.memory_bytes / 1e9:.0f} GB"
    rows = [
        ("processor", f"{machine.processor}, {machine.num_cores} cores"),
        ("flags", " ".join(machine.flags) or "none that matter"),
        ("memory", memory),
        ("GPUs", "; ".join(machine.gpus) or "none"),
        ("system", machine.system),
        ("versions", ", ".join(f"{name} {version}" for name, version in machine.versions.items())),
    ]
    print_table(console, "machine", rows)


def _cells(row: BenchRow) -> tuple[str, ...]:
    return (
        str(row.variant),
        f"{row.peak_gflops:.0f}",
        "-" if row.limit_images_per_s is None else _rate(row.limit_images_per_s),
        _rate(row.forward_images_per_s),
        "-" if row.forward_of_limit is None else f"{row.forward_of_limit:.2f}",
        _rate(row.job_images_per_s),
        f"{row.job_of_forward:.2f}",
        f"{row.cold_s:.1f}",
        f"{row.worker_bytes / 1e6:.0f}",
        f"{row.driver_bytes / 1e6:.0f}",
    )


def _rate(images_per_s: float) -> str:
    return f"{images_per_s:.2f}" if images_per_s < 100 else f"{images_per_s:.0f}"
