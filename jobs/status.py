"""Say what a run has done.

    shardscore status runs/test --verify

Reads the run folder, changes nothing. Without --verify it reads the ends of the shards, with it every row.
"""

from dataclasses import replace

from rich.console import Console

from jobs.console.arguments import checked
from jobs.console.commands import command
from jobs.console.places import PlaceWord, place
from jobs.console.terminal import console_for, print_table
from scoring.errors import IncompleteError, RunFolderError, StorageError
from scoring.run.folder import MISSING_SONAR, RunFolder
from scoring.run.reader import listed_alone
from scoring.run.verification import RunStatus, run_status
from scoring.run.wording import plural, reasons_of, so_many_shards
from scoring.storage.durable import read_faults
from scoring.storage.locations import Location

_OF_MODEL = "`shardscore report` tells of it, and `shardscore status {features}` of the features of its photos."


@checked
def status(run: PlaceWord, *, verify: bool = False, verbose: bool | Console = False) -> RunStatus:
    """Show what a run has done, what is missing and what is damaged. Changes nothing.

    Args:
        run: Run folder written by `score` or `embed`; a path, s3://, gs:// or az://.
        verify: Read every row with its checksum, and compare ids and digests.
        verbose: Print what the command prints, or print it on this console.

    Returns:
        Which shards are done, missing and damaged (also those with photos that changed between listing and reading, so
        that their rows may be of others), and which files among them are none of the run; `.is_complete` says
        whether every image has its row, no other row is there, sonar results that were asked for beside the images are,
        and no process is writing. `.written_by` names that process; before it has listed the images, all counts are 0.

    Raises:
        RunFolderError: If the folder holds no run.
        StorageError: If something in it cannot be read now.
    """
    folder = RunFolder(place(run, "run"))
    found = _look(folder, verify)
    _print_status(console_for(verbose), folder.path, found)
    return found


def _look(folder: RunFolder, verify: bool) -> RunStatus:
    writer = _find_writer(folder)
    try:
        found = run_status(folder, verify)
    except StorageError:
        raise
    except (RunFolderError, IncompleteError):
        if listed := listed_alone(folder):
            missing = list(range(listed.num_shards))
            found = RunStatus(listed.num_images, listed.num_shards, [], missing, {}, 0, 0, verify)
        elif writer is None:
            from jobs.console.other_folders import refuse_others  # a run has no need of it

            refuse_others(folder, _OF_MODEL)
            raise
        else:
            found = RunStatus(0, 0, [], [], {}, 0, 0, verified=False)  # it lists images, or removes an earlier run
    return replace(found, written_by=writer)


def _find_writer(folder: RunFolder) -> str | None:
    with read_faults(folder.lease):
        if not folder.lease.is_file():
            return None
    from scoring.run.lease import find_holder  # a run that nobody writes to needs no other part of it

    holder = find_holder(folder.lease)
    return str(holder) if holder else None


def _print_status(console: Console, run: Location, found: RunStatus) -> None:
    if found.num_images:
        _print_found(console, run, found)
    if found.written_by:
        console.print(f"{run} is being written by {found.written_by}", style="yellow")
        return
    if found.missing and len(found.missing) == found.num_shards:
        console.print(
            f"{plural(found.num_images, 'image')} listed, none scored yet: run the same command again, without "
            "`overwrite`",
            style="yellow",
        )
    elif found.missing or found.damaged:
        num_lost = len(found.missing) + len(found.damaged)
        console.print(
            f"{so_many_shards(num_lost, found.num_shards)} missing or damaged. Run the same command again, without "
            "`overwrite`: it scores no others.",
            style="yellow",
        )
    if found.lacks_sonar:
        console.print(
            f"{MISSING_SONAR} are missing: the same command again, without `overwrite`, makes them", style="yellow"
        )


def _print_found(console: Console, run: Location, found: RunStatus) -> None:
    rows = [
        ("images", f"{found.num_rows} of {found.num_images} scored"),
        ("errors", str(found.num_errors)),
        ("shards done", f"{len(found.done)} of {found.num_shards}"),
        ("shards missing", str(len(found.missing))),
        ("shards damaged", str(len(found.damaged))),
        *(("left out", f"{left.count:,} {left.reason}: {left.names}") for left in found.left_out),
        ("looked at", "every row" if found.verified else "row counts, columns, fingerprints; `verify` reads every row"),
    ]
    print_table(console, str(run), rows)
    for reason in reasons_of(found.damaged):
        console.print(reason)
    for name in found.foreign:
        console.print(f"{name} lies among the shards and is not one of them: move it away", style="yellow")


_EXAMPLES = (
    "status runs/test",
    "status runs/test --verify --json",
)

app = command(
    "status",
    status,
    is_whole=lambda found: found.is_complete,
    examples=_EXAMPLES,
    for_machines=True,
    also=lambda found: {"complete": found.is_complete},
    is_result_printed=lambda options: True,
)
