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
