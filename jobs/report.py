"""Write a report that people look at.

    shardscore report runs/test

Reads a run folder, a model folder or a sonar study, and of the images the few that it shows. Leaves report.html in
it: one page that opens from disk and loads nothing. A run of 12,500 images takes 2 s on 2 cores, after the imports.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

from rich.console import Console

from jobs.console.arguments import checked
from jobs.console.commands import command
from jobs.console.outputs import check_output, file_word, refuse_to_replace
from jobs.console.places import PlaceWord, place
from jobs.console.terminal import console_for
from scoring.models.model_folder import is_report
from scoring.report.page import WrittenReport, write_report
from scoring.run.folder import MISSING_SONAR, RunFolder
from scoring.run.wording import reasons_of, some
from scoring.sonar.metrics_file import METRICS_NAME
from scoring.storage.durable import read_faults
from scoring.storage.locations import Location


@checked
def report(
    folder: PlaceWord,
    *,
    output: PlaceWord | None = None,
    images: PlaceWord | None = None,
    no_verify: bool = False,
    verbose: bool | Console = False,
) -> WrittenReport:
    """Write a page about a run, a model or a sonar study: figures, thumbnails, errors.

    Args:
        folder: Folder written by score, finetune or sonar.
        output: Page to write; by default report.html in the folder.
        images: Where the images are now, if they were moved.
        no_verify: Do not verify a run's rows first, by their checksums, ids and digests.
        verbose: Print what the command prints, or print it on this console.

    Returns:
        Where the page is, its size in bytes, the shards that are missing or damaged and so not in it, why those that
        are damaged are, which files among them are none of the run, whether it lacks pictures, and whether sonar
        results.

    Raises:
        RequestError: If the folder is none of these, or damaged, if `images` is not there, or if `output` would replace
            a file of the folder, or another one that is no report.
        IncompleteError: If every shard is missing or damaged, and there is an earlier page, which stays.
        StorageError: If the page cannot be written.
    """
    started = time.perf_counter()
    told = _whole(place(folder, "folder"))
    page = RunFolder(told).report if output is None else place(file_word(output, "output"), "output")
    moved = None if images is None else place(images, "images")
    check_output(page, told, RunFolder(told).report, {"images": moved})
    if output is not None:
        refuse_to_replace(page, is_report, "report")
    written = write_report(told, page, moved, verify=not no_verify)
    took_s = time.perf_counter() - started
    console = console_for(verbose)
    console.print(f"{written.path}: {written.size_bytes / 1e6:.1f} MB in {took_s:.1f} s")
    if written.lacks_pictures:
        said = "it shows no images, and says why; if they were moved, `images` says where to"
        if moved is not None:
            said = f"it shows no images: none of those that it tells of is in {moved} as it was"
        console.print(said, style="yellow")
    for lacking in _lacks(written):
        console.print(lacking, style="yellow")
    return replace(written, path=page.absolute())


def _lacks(written: WrittenReport) -> Iterator[str]:
    """What is not on the page, in words."""
    missing = [shard for shard in written.missing_shards if shard not in written.damaged]
    if missing:
        yield f"not in it, because they are missing: the shards {some(missing)}"
    if written.damaged:
        damaged = some(reasons_of(written.damaged))
        yield f"not in it, because {'it is' if len(written.damaged) == 1 else 'they are'} damaged: {damaged}"
    if written.missing_shards:
        yield "the same score command again, without `overwrite`, scores these shards and no others"
    if written.lacks_sonar:
        yield f"not in it, because they are missing: {MISSING_SONAR}, which the same score command again makes"
    if written.foreign:
        yield f"not in it: {some(written.foreign)}, among the shards and none of this run; move such files away"


def _whole(folder: Location) -> Location:
    """The folder around a `sonar/`, which `sonar` prints and a `Study` has as its path; any other folder as it is."""
    own = folder.absolute()
    around = RunFolder(own.parent)
    with read_faults(folder):
        return around.path if own == around.sonar and (own / METRICS_NAME).is_file() else folder


_EXAMPLES = (
    "report runs/test",
    "report models/dogs-vs-cats --output report.html",
)

app = command("report", report, is_whole=lambda written: written.is_complete, examples=_EXAMPLES)
