"""Write `report.html`: one file that opens from disk anywhere, and loads nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pyarrow as pa

from scoring.errors import IncompleteError, RequestError, RunFolderError, ScoringError
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record
from scoring.report.facts import lacks
from scoring.report.model_report import model_report
from scoring.report.parts import Look, Report
from scoring.report.rendering import render
from scoring.report.run_report import run_report
from scoring.report.same_results import of_one_model, of_one_run
from scoring.report.sonar_report import sonar_parts
from scoring.report.text import folder_title
from scoring.run.folder import RunFolder
from scoring.run.verification import RunStatus
from scoring.storage.durable import read_faults, write_output
from scoring.storage.locations import Location


@dataclass(frozen=True)
class WrittenReport:
    """What was written.

    Attributes:
        path: The page; absolute, as `report` returns it.
        size_bytes: Its size.
        missing_shards: Shards of the run that it could not tell of: those without a file, and the damaged ones.
        lacks_pictures: Whether it shows none of the images that it tells of.
        damaged: Which of them are damaged, and why.
        foreign: Files among the shards that are none of the run.
        lacks_sonar: Whether it could not tell of sonar returns that were scored beside the images.
    """

    path: Location
    size_bytes: int
    missing_shards: Sequence[int]
    lacks_pictures: bool = False
    damaged: Mapping[int, str] = field(default_factory=dict)
    foreign: Sequence[str] = ()
    lacks_sonar: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether it tells of all that the run was asked for, and nothing else lay among the shards."""
        return not self.missing_shards and not self.foreign and not self.lacks_sonar


def write_report(
    folder: Location, output: Location | None, images: Location | None, verify: bool = True
) -> WrittenReport:
    """Tell of a run, a model or a sonar study; the same folder gives the same page, byte for byte.

    Args:
        folder: Written by `score`, `finetune` or `sonar`.
        output: The page; None for `report.html` in the folder.
        images: Where the images lie now; None for where they lay.
        verify: Read every row of a run with its checksum, and compare ids and digests.

    Raises:
        RequestError: If the folder is none of these, or damaged, or replaced meanwhile (RunFolderError), or `images` is
            none (ImagesError).
        IncompleteError: If no shard is sound, and an earlier page would make room for one without rows; or if images
            are listed, and nothing more.
        StorageError: If something in the folder cannot be read now, or the page cannot be written.
    """
    with _as_damage(folder), read_faults(folder):
        report, status = _gather(folder, images, verify)
        page = render(report)
    path = output or RunFolder(folder).report
    if status is None:
        missing, damaged, foreign = [], {}, []
    else:
        _keep_earlier(path, folder, status)
        missing, damaged, foreign = sorted([*status.missing, *status.damaged]), status.damaged, status.foreign
    write_output(path, page)
    lacks_sonar = status is not None and status.lacks_sonar
    return WrittenReport(path, len(page.encode()), missing, _lacks_pictures(report), damaged, foreign, lacks_sonar)


def _keep_earlier(path: Location, folder: Location, status: RunStatus) -> None:
    with read_faults(path):
        if status.done or not path.is_file():
            return
    raise IncompleteError(
        f"Expected rows of {folder} to tell of; {', and '.join(lacks(status))}. {path} stays as it was. The same score "
        "command again scores what is missing or damaged."
    )


def _lacks_pictures(report: Report) -> bool:
    looks = [block for section in report.sections for block in section.blocks if isinstance(block, Look)]
    tiles = [tile for look in looks for tile in look.tiles]
    return bool(tiles) and all(tile.picture is None for tile in tiles)


@contextmanager
def _as_damage(folder: Location) -> Iterator[None]:
    """Tell of records and tables that are not what they should be in one line; any field may be of any type."""
    try:
        yield
    except ScoringError:  # a bucket's are OSErrors too
        raise
    except (OSError, pa.ArrowException, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        raise RunFolderError(
            f"{folder} is damaged: it holds what neither score nor finetune nor sonar writes ({reason})."
        ) from error


def _gather(folder: Location, images: Location | None, verify: bool) -> tuple[Report, RunStatus | None]:
    run = RunFolder(folder)
    model = ModelFolder(folder)
    if model.training.is_file():
        with of_one_model(model):
            return model_report(model, images), None
    sonar = sonar_parts(run.sonar)
    if run.record.is_file() or (run.manifest.is_file() and not sonar):
        with of_one_run(run):
            report, status = run_report(run, images, verify)
        if sonar:
            key_figures = [*report.key_figures, *sonar.key_figures[:1]]
            report = replace(report, key_figures=key_figures, sections=[*report.sections, *sonar.sections])
        return report, status
    if sonar:
        if images:
            raise RequestError(
                f"`images` says where the pictures of a run or a model are; {folder} holds sonar results alone. Leave "
                "it out."
            )
        return Report(folder_title(folder), sonar.subtitle, sonar.key_figures, sonar.sections), None
    if model.is_ours:
        load_training_record(model)  # of one that is not finished it says so
    found = "holds nothing of theirs" if folder.is_dir() else "is no folder"
    raise RequestError(f"Expected a folder written by score, finetune or sonar; {folder} {found}.")
