"""Write a report that people look at.

    shardscore report runs/test

Reads a run folder, a model folder or a sonar study, and of the images the few that it shows. Leaves report.html in
it: one page that opens from disk and loads nothing. A run of 12,500 images takes 2 s on 2 cores, after the imports.
"""

import time

from rich.console import Console

from scoring.report.page import write_report
from scoring.storage import Location


def report(folder: Location, output: Location | None, images: Location | None, console: Console) -> bool:
    """Write the report of `folder`, by default into it, and say where it is.

    Returns:
        Whether it tells of the whole run.
    """
    started = time.perf_counter()
    written = write_report(folder, output, images)
    took_s = time.perf_counter() - started
    console.print(f"{written.path}: {written.size_bytes / 1e6:.1f} MB in {took_s:.1f} s")
    if written.missing_shards:
        console.print(f"not in it, for they are missing: the shards {', '.join(map(str, written.missing_shards))}")
    return not written.missing_shards
