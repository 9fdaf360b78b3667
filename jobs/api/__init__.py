"""Score large collections of images with Keras models, on Ray: one row for every image, always.

    import shardscore

    run = shardscore.score(images="photos/", output="runs/photos", model="vgg16-cats-dogs")
    run.predictions().to_pandas()
    shardscore.submission(run.path, partial=True)

Each function takes what the command of its name takes, with the same defaults, prints nothing unless `verbose`, and
raises one of the errors below. Paths are text, also file://, or `pathlib.Path`; s3:// and gs:// are text. The same call
again does only what is missing.

This package is `jobs.api` in a checkout and `shardscore` wherever it is installed or shipped; it holds no module but
this one, so whatever it exports is the same object under both names.
"""

# ruff: noqa: E402  # what has the names of our packages is looked at before it is run

from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path


def _check_not_hidden() -> None:
    """Refuse a user's own cluster.py, jobs.py or scoring.py, or a folder of that name, that Python would take."""
    found = {name: spec for name in ("cluster", "jobs", "scoring") if (spec := find_spec(name))}
    roots = {name: _root_of(spec) for name, spec in found.items()}
    own = Path(__file__).resolve().parents[1:3]
    for name, spec in found.items():
        if roots[name] not in own and len({*roots.values()}) > 1:  # all in one other folder are another checkout's
            place = spec.origin or _folders_of(spec)[0]
            raise ImportError(
                f"Expected shardscore's own package {name!r}; {place} hides it. Rename that, or start Python in "
                "another folder.",
                name=name,
                path=place,
            )


def _root_of(package: ModuleSpec) -> Path | None:
    """Where a package lies; None of a module, as none of ours is."""
    return next((Path(folder).resolve().parent for folder in _folders_of(package)), None)


def _folders_of(package: ModuleSpec) -> list[str]:
    return list(package.submodule_search_locations or ())


_check_not_hidden()

from cluster.errors import ClusterError, PlacementError, SessionError, WorkersLostError, WorkerStartError
from jobs.embed.command import embed
from jobs.finetune.command import finetune
from jobs.report import report
from jobs.results import Embeddings, Model, Plan, Run, RunStatus, Study, Submission, WrittenReport
from jobs.score.command import score
from jobs.sonar.command import sonar
from jobs.status import status
from jobs.submission import submission
from scoring import __version__
from scoring.errors import (
    BucketError,
    DownloadError,
    ImagesError,
    IncompleteError,
    ModelError,
    RequestError,
    RunFolderError,
    ScoringError,
    SonarError,
    StorageError,
)

__all__ = [
    "BucketError",
    "ClusterError",
    "DownloadError",
    "Embeddings",
    "ImagesError",
    "IncompleteError",
    "Model",
    "ModelError",
    "PlacementError",
    "Plan",
    "RequestError",
    "Run",
    "RunFolderError",
    "RunStatus",
    "ScoringError",
    "SessionError",
    "SonarError",
    "StorageError",
    "Study",
    "Submission",
    "WorkerStartError",
    "WorkersLostError",
    "WrittenReport",
    "__version__",
    "embed",
    "finetune",
    "report",
    "score",
    "sonar",
    "status",
    "submission",
]
