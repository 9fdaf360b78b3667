"""Say what a run has done.

    shardscore status runs/test --verify

Reads the run folder, changes nothing. Without --verify it reads the ends of the shards, with it every row.
"""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from jobs.console.exit_codes import COMPLETE, MISSING, exit_codes
from jobs.console.tables import print_table
from jobs.console.terminal import terminal
from scoring.run.folder import RunFolder
from scoring.run.verification import RunStatus, run_status
from scoring.storage.locations import Location, locate

app = typer.Typer()


def status(run: Location, verify: bool, as_json: bool, console: Console) -> RunStatus:
    """Print what `run` holds, as a table or as JSON for machines, and return it."""
    found = run_status(RunFolder(run), verify)
    if as_json:
        console.print_json(json.dumps({**asdict(found), "complete": found.is_complete}))
        return found
    rows = [
        ("images", f"{found.num_rows} of {found.num_images} scored"),
        ("errors", str(found.num_errors)),
        ("shards done", f"{len(found.done)} of {found.num_shards}"),
        ("shards missing", str(len(found.missing))),
        ("shards damaged", str(len(found.damaged))),
        ("looked at", "every row" if verify else "row counts and fingerprints; --verify reads every row"),
    ]
    print_table(console, str(run), rows)
    for shard_id, reason in found.damaged.items():
        console.print(f"shard {shard_id} {reason}")
    if not found.is_complete:
        console.print("Run the same score command again: it scores what is missing or damaged, and nothing else.")
    return found


@app.command("status")
def _status(
    run: Annotated[str, typer.Argument(help="Run folder written by score.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read every row, and compare the ids.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what a run has done, what is missing and what is damaged."""
    with exit_codes():
        complete = status(locate(run), verify, as_json, terminal()).is_complete
    raise typer.Exit(COMPLETE if complete else MISSING)
