"""Score images, and sonar returns beside them, on Ray.

    shardscore score --images test1.zip --model vgg16-cats-dogs --sonar sonar.all-data --output runs/test

Reads images from a folder, a bucket, an archive or a table, and a file of sonar returns. Leaves a run folder, local or
in a bucket: run.json, manifest.parquet, predictions/*.parquet, sonar/. The same command again scores only what is
missing.
"""

import time
from collections.abc import Sequence

from rich.console import Console

from cluster.nodes import Node
from cluster.shared_files import SharedFile, find_missing_by_node
from jobs.console.failures import Missing, check_nothing_missing
from jobs.console.session import check_not_forked, open_session, tell_removed
from jobs.score.images_job import ImagesJob
from jobs.score.needed_files import check_seen, see_output
from jobs.score.request import ScoreRequest
from jobs.score.result import Run
from jobs.score.sonar_job import SonarJob
from scoring.errors import RequestError
from scoring.run.folder import MISSING_SONAR, RunFolder
from scoring.run.holding import hold_folder, remove_earlier_run
from scoring.run.milestones import Milestones
from scoring.sonar.whole_results import refuse_foreign_results


def run_score(request: ScoreRequest, console: Console) -> Run:
    """Run the whole job, and print its progress and results on `console`.

    Raises:
        RequestError: If the request makes no sense; where possible before Ray starts.
        IncompleteError: If something it needs cannot be had, or shards are missing; they are named.
        ClusterError: If Ray or its actors cannot start.
    """
    check_not_forked()
    milestones = Milestones(time.time())
    if request.images is None and request.sonar is None:
        raise RequestError("Expected `images`, `sonar` or both; received neither.")
    folder = RunFolder(request.output)
    images = ImagesJob(request.images, folder, console, sonar=request.sonar) if request.images else None
    sonar = SonarJob(request.sonar, folder, console) if request.sonar else None
    _check_output(request, folder, sonar)
    with hold_folder(folder) as lease:
        if images:
            images.start_listing(lease, request.overwrite)
        if sonar:
            sonar.look_for_earlier_result(request.overwrite)
        with open_session(request.address):
            needed = [*see_output(folder), *(images.files() if images else [])]
            unseen = _find_unseen(needed, images, sonar)
            milestones.ray_at = milestones.now()

            def begin() -> None:
                if request.overwrite:
                    if sonar:
                        sonar.try_model(avoid=list(unseen))
                    remove_earlier_run(folder, lease.fence)
                    tell_removed(console, folder.path)
                if sonar:
                    sonar.start(lease.fence, avoid=list(unseen))

            missing = []
            if images:
                missing += images.run(milestones, needed, begin)
            else:
                begin()
            metrics = sonar.finish() if sonar else None
            missing += [Missing(MISSING_SONAR, sonar.hangs)] if sonar and sonar.hangs else []
    check_nothing_missing(missing, request.overwrite)
    path = folder.path.absolute()
    if images is None or images.keeper is None:
        return Run(path, None, metrics)
    record = images.keeper.record  # not the file's, which may be another driver's by now
    return Run(path, record.summary, metrics, None, record.fingerprint, record.digest)


def _find_unseen(
    needed: Sequence[SharedFile], images: ImagesJob | None, sonar: SonarJob | None
) -> dict[Node, list[SharedFile]]:
    """What some nodes do not see, or see otherwise, by node; raises RequestError where images cannot do without."""
    compared = [*needed, *(images.photos() if images else [])]
    unseen = find_missing_by_node([*compared, *(sonar.files() if sonar else [])])
    check_seen(unseen, compared)
    return unseen


def _check_output(request: ScoreRequest, folder: RunFolder, sonar: SonarJob | None) -> None:
    request.check_overwrite()
    if request.overwrite:
        refuse_foreign_results(folder.sonar)
    elif sonar:
        sonar.refuse_foreign_files()
