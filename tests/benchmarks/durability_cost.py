"""The steady rate with all that makes a run durable and verified over the rate without it.

    python -m tests.benchmarks.durability_cost --images PHOTOS --model FILE.keras --labels cat,dog

With: shards are synced, carry page checksums and what tells their photos apart, have their SHA-256 taken, are published
under a lease that is checked before each, and are all read again at the end, whose seconds are added to those of the
images: take a thousand or more. Without: none of it. Each round runs both, one after the other, in one Ray worker that
has all cores. Prints every round and the ratio of the medians.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from cluster.session import open_session
from jobs.bench.one_worker import place_alone, score_alone
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import keras_backend
from scoring.networks.precision import Precision
from scoring.pixels.decoding import Resize
from scoring.run import publishing
from scoring.run.fingerprint import parse_fingerprint
from scoring.run.folder import RunFolder
from scoring.run.lease import hold_lease
from scoring.run.manifest import ManifestInfo, write_manifest
from scoring.run.predictions import FINGERPRINT_KEY, LABELS_KEY
from scoring.run.verification import run_status
from scoring.shards import scorer
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.sources.inputs import find_images
from scoring.storage import conditional, durable
from tests.runs import bare_record, save_record

_SHARD_SIZE = 32


def careless(settings: ScorerSettings) -> ShardScorer:
    """A ShardScorer that neither syncs nor computes checksums and digests; there is no lease to check either."""
    for module in (durable, conditional):
        vars(module)["sync"] = lambda path: None
    vars(publishing)["_digest"] = lambda content: ""
    vars(scorer)["contents_digest"] = lambda rows: ""
    write_table = pq.write_table
    pq.write_table = lambda *arguments, write_page_checksum, **options: write_table(*arguments, **options)
    return ShardScorer(settings)


@dataclass(frozen=True)
class Contest:
    """What is scored, in two ways.

    Attributes:
        images: A folder of photos.
        model: The network.
    """

    images: Path
    model: ModelRequest

    def rate_with(self, place: Path) -> float:
        """Images a second; the last reading of all shards counts."""
        folder, manifest = self._prepare(place)
        with hold_lease(folder.lease) as lease:
            settings = replace(self._settings(place), fence=lease.fence)
            rate = score_alone(settings, manifest, place_alone()).steady_images_per_s or 0.0
        _record(folder, manifest)
        started = time.perf_counter()
        assert run_status(folder, verify=True).is_complete
        verified_s = time.perf_counter() - started
        print(f"{manifest.num_images} images at {rate:.2f}/s, and {verified_s:.3f} s to verify them")
        return manifest.num_images / (manifest.num_images / rate + verified_s)

    def rate_without(self, place: Path) -> float:
        """Images a second."""
        _, manifest = self._prepare(place)
        return score_alone(self._settings(place), manifest, place_alone(), careless).steady_images_per_s or 0.0

    def _prepare(self, place: Path) -> tuple[RunFolder, ManifestInfo]:
        folder = RunFolder(place)
        folder.predictions.mkdir(parents=True)
        return folder, write_manifest(folder.manifest, find_images(self.images).images, _SHARD_SIZE, 0)

    def _settings(self, place: Path) -> ScorerSettings:
        return ScorerSettings(self.images.absolute(), place, self.model, Resize.SQUASH, 16, 2)


def _record(folder: RunFolder, manifest: ManifestInfo) -> None:
    """Write the run.json that a driver would have written."""
    said = pq.read_schema(folder.shard(0, manifest.num_shards)).metadata
    labels = json.loads(said[LABELS_KEY])
    fingerprint = parse_fingerprint(said[FINGERPRINT_KEY])
    save_record(folder, bare_record(fingerprint, manifest.num_shards, manifest.num_images, labels))


def main() -> None:
    """Run the rounds and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--labels")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    weights = "random" if options.model.startswith("vgg16") else None
    model = ModelRequest(options.model, weights, options.labels, Precision.AUTO, keras_backend())
    contest = Contest(options.images, model)
    rates: list[tuple[float, float]] = []
    with open_session(None), tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        for number in range(options.rounds):
            place = Path(scratch) / str(number)
            rates.append((contest.rate_with(place / "with"), contest.rate_without(place / "without")))
            print(f"round {number + 1}: with {rates[-1][0]:.2f} images/s, without {rates[-1][1]:.2f} images/s")
    both, neither = (statistics.median(column) for column in zip(*rates, strict=True))
    print(f"median: with / without {both / neither:.3f}")


if __name__ == "__main__":
    main()
