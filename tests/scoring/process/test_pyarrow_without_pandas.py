import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]

_SCORE_A_SHARD = """
import sys
from pathlib import Path
from scoring.pixels.decoding import Resize
from scoring.run.manifest import write_manifest
from scoring.run.folder import RunFolder
from scoring.run.holding import hold_folder
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.sources.inputs import find_images
from tests.fakes import FAKE_MODEL, load_fake

photos, output = map(Path, sys.argv[1:])
settings = ScorerSettings(photos, output, FAKE_MODEL, Resize.SQUASH, 4, decode_threads=1)
scorer = ShardScorer(settings, load_fake)
RunFolder(output).predictions.mkdir(parents=True)
write_manifest(RunFolder(output).manifest, find_images(photos).images, 32, 0)
scorer(0)
print("pandas" in sys.modules)

import pyarrow.parquet as pq
print(len(pq.read_table(RunFolder(output).predictions).to_pandas()))
"""

_LIST = """
import sys
from pathlib import Path
from rich.console import Console
from jobs.score.request import ImagesRequest
from jobs.score.images_job import ImagesJob
from scoring.models.model_request import ModelRequest
from scoring.networks.precision import Precision
from scoring.run.folder import RunFolder
from scoring.run.holding import hold_folder

photos, output = map(Path, sys.argv[1:])
folder = RunFolder(output)
model = ModelRequest("vgg16-cats-dogs", "random", None, Precision.AUTO, "tensorflow")
job = ImagesJob(ImagesRequest(photos, model), folder, Console())
with hold_folder(folder) as lease:
    job.start_listing(lease)
    print(job._listing.result().manifest.num_images)
print("pandas" in sys.modules)
"""


def test_a_worker_writes_its_shards_without_pandas_and_can_still_use_it(photos: Path, tmp_path: Path) -> None:
    assert _printed(_SCORE_A_SHARD, photos, tmp_path / "run") == ["False", "12"]


def test_the_driver_lists_images_without_pandas(photos: Path, tmp_path: Path) -> None:
    assert _printed(_LIST, photos, tmp_path / "run") == ["12", "False"]


def _printed(script: str, *arguments: Path) -> list[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True).stdout.split()
