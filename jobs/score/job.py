"""Score images, and sonar returns beside them, on Ray.

    shardscore score --images test1.zip --model vgg16-cats-dogs --sonar sonar.all-data --output runs/test

Reads images from a folder, a bucket, an archive or a table, and a file of sonar returns. Leaves a run folder, local or
in a bucket: run.json, manifest.parquet, predictions/*.parquet, sonar/. The same command again scores only what is
missing.
"""

import time
from dataclasses import dataclass

from rich.console import Console

from cluster.session import open_session
from cluster.shared_files import find_missing_by_node
from jobs.score.images_job import ImagesJob
from jobs.score.images_request import ImagesRequest
from jobs.score.needed_files import check_seen, see_output
from jobs.score.sonar_job import SonarJob, SonarRequest
from scoring.errors import RequestError
from scoring.run.folder import RunFolder
from scoring.run.milestones import Milestones
from scoring.storage.locations import Location


@dataclass(frozen=True)
class ScoreRequest:
    """What `shardscore score` was asked for.

    Attributes:
        output: The run folder.
        images: What to score; None for sonar alone.
        sonar: Which returns; None for images alone.
        address: A Ray cluster; None starts one on this machine.
        overwrite: Remove an earlier run in `output` first.
    """

    output: Location
    images: ImagesRequest | None
    sonar: SonarRequest | None
    address: str | None = None
    overwrite: bool = False


def score(request: ScoreRequest, console: Console) -> bool:
    """Run the whole job and tell its story on `console`.

    Returns:
        Whether every image has its row and the sonar task is done.

    Raises:
        RequestError: If the request makes no sense; where possible before Ray starts.
        IncompleteError: If something it needs cannot be had.
        ClusterError: If Ray or its workers cannot start.
    """
    milestones = Milestones(time.time())
    if request.images is None and request.sonar is None:
        raise RequestError("Expected --images, --sonar or both; received neither.")
    folder = RunFolder(request.output)
    images = ImagesJob(request.images, folder, console) if request.images else None
    sonar = SonarJob(request.sonar, folder, console) if request.sonar else None
    with folder.hold(request.overwrite):
        if images:
            images.start_listing()
        if sonar:
            sonar.look_for_earlier_result()
        with open_session(request.address):
            needed = [*see_output(folder), *(images.files() if images else [])]
            unseen = find_missing_by_node([*needed, *(sonar.files() if sonar else [])])
            check_seen(unseen, needed)
            milestones.ray_at = time.time()
            if sonar:
                sonar.start(avoid=list(unseen))
            complete = images.run(milestones, needed) if images else True
            if sonar:
                complete = sonar.finish() and complete
    return complete
