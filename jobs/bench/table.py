"""A benchmark as tables: the machine, then every variant beside its limits."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.console.terminal import print_table
from scoring.bench.machine import Machine
from scoring.bench.parts import Parts
from scoring.bench.record import WorkerShare
from scoring.bench.results import BenchRow
from scoring.bench.scale import REMEDIES, Estimate, stage_rates

# Eighty characters in all, for logs.
_COLUMNS = (
    *("\n", "peak\nGFLOP/s", "\nlimit", "\nforward", "of\nlimit", "\njob", "of\nforward"),
    *("cold\ns", "actor\nMB", "driver\nMB"),
)
_BOUND_BY = "bound by"
_ESTIMATE_COLUMNS = ("images", "actors", "setup", "score", "end", "in all", "actor\nhours", "cost", _BOUND_BY)
_WORDS = ("\n", _BOUND_BY)  # columns that hold no numbers


def print_bench(
    console: Console,
    machine: Machine,
    rows: Sequence[BenchRow],
    decode_rate: float,
    left_out: Mapping[str, str],
    worker: WorkerShare,
) -> None:
    """Print the machine, one row for each variant, and what could not be measured.

    Args:
        console: Where to.
        machine: What was measured on.
        rows: Medians of each variant.
        decode_rate: Images per second and core.
        left_out: Names of variants, and why.
        worker: What the one worker had of the machine.
    """
    print_machine(console, machine)
    title = f"images/s of one actor with {worker.num_cpus:g} cores and {worker.num_gpus:g} GPUs; medians"
    table = _narrow_table(title, _COLUMNS)
    for row in rows:
        table.add_row(*_cells(row))
    console.print(table)
    _print_phases(console, rows)
    console.print(f"decoding: {decode_rate:.0f} images/s per core")
    for name, reason in left_out.items():
        console.print(f"left out {name}: {reason}")


def _print_phases(console: Console, rows: Sequence[BenchRow]) -> None:
    """Print the seconds of each phase of a cold command."""
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


def print_estimates(
    console: Console, title: str, parts: Parts, estimates: Sequence[Estimate], price: float | None
) -> None:
    """Print estimates of runs, one a row, and what would make each faster.

    Args:
        console: Where to.
        title: What they would run on.
        parts: What one actor can do.
        estimates: At least one.
        price: What an actor costs for an hour, in any currency; None leaves the cost out.
    """
    table = _narrow_table(title, _ESTIMATE_COLUMNS)
    for run in estimates:
        spans = (_span(seconds) for seconds in (run.setup_s, run.score_s, run.tail_s + run.verify_s, run.wall_s))
        cost = "-" if price is None else _amount(run.worker_hours * price)
        counts = (_count(run.num_images), _count(run.num_workers))
        table.add_row(*counts, *spans, _amount(run.worker_hours), cost, run.bottleneck)
    console.print(table)
    shard_size = max(run.shard_size for run in estimates)
    rates = stage_rates(parts, num_workers=1, shard_size=shard_size)
    limits = ", ".join(f"{stage} {rate:,.0f}" for stage, rate in rates.items() if rate < float("inf"))
    console.print(f"images/s that each stage allows an actor that is alone, {shard_size:,} a shard: {limits}")
    for bottleneck in dict.fromkeys(run.bottleneck for run in estimates):
        console.print(f"bound by {bottleneck}: {REMEDIES[bottleneck]}")


def print_listing(console: Console, list_s: float, sizes: Sequence[int]) -> None:
    """Print what it takes to list a bucket, where an estimate is of images that a table names."""
    spans = ", ".join(f"{_count(size)} in {_span(list_s * size)}" for size in sizes)
    console.print(f"images that a table names; without one, their bucket is listed first: {spans}")


def print_parts(console: Console, title: str, parts: Parts) -> None:
    """Print what an estimate was worked out from, and what of it is an assumption."""
    rows = [
        (name, f"{part.value:.4g}", "assumed: " * part.assumed + part.source)
        for name, part in parts.named().items()
        if part.value != float("inf")
    ]
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, show_header=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _narrow_table(title: str, headings: Sequence[str]) -> Table:
    """A table without rows; its headings may have two lines, which a console gives to no string."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(Text(heading), justify="left" if heading in _WORDS else "right", no_wrap=True)
    return table


def _span(seconds: float) -> str:
    """Seconds in the largest unit that suits them."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


def _count(number: int) -> str:
    return f"{number / 1e6:,.0f} M" if number >= 1e6 and number % 1_000_000 == 0 else f"{number:,}"


def _amount(number: float) -> str:
    return f"{number:,.2f}" if number < 1000 else f"{number:,.0f}"


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
