"""The steady rate with whole, synced, checksummed shards over the rate without syncing and checksums.

    python -m tests.benchmarks.durability_cost --images PHOTOS --model FILE.keras --labels cat,dog

Each round runs both, one after the other, in one Ray worker that has all cores. Prints every round and the ratio of the
medians.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from cluster.session import open_session
from jobs.bench.one_worker import place_alone, score_alone
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import keras_backend
from scoring.networks.precision import Precision
from scoring.pixels.decoding import Resize
from scoring.run.folder import RunFolder
from scoring.run.lease import hold_lease
from scoring.run.manifest import write_manifest
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.sources.inputs import find_images
from scoring.storage import durable

_SHARD_SIZE = 32


def careless(settings: ScorerSettings) -> ShardScorer:
    """A ShardScorer that neither syncs nor computes checksums."""
    durable.sync = lambda path: None
    write_table = pq.write_table
    pq.write_table = lambda *arguments, write_page_checksum, **options: write_table(*arguments, **options)
    return ShardScorer(settings)


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
    with_rates: list[float] = []
    without_rates: list[float] = []
    with open_session(None), tempfile.TemporaryDirectory(dir=Path.cwd()) as scratch:
        for number in range(options.rounds):
            for name, recipe, rates in (("with", ShardScorer, with_rates), ("without", careless, without_rates)):
                folder = RunFolder(Path(scratch) / f"{name}-{number}")
                folder.predictions.mkdir(parents=True)
                manifest = write_manifest(folder.manifest, find_images(options.images).images, _SHARD_SIZE, 0)
                settings = ScorerSettings(options.images.absolute(), folder.path, model, Resize.SQUASH, 16, 2)
                if name == "with":
                    with hold_lease(folder.lease):
                        rates.append(score_alone(settings, manifest, place_alone(), recipe).steady_images_per_s or 0.0)
                else:
                    rates.append(score_alone(settings, manifest, place_alone(), recipe).steady_images_per_s or 0.0)
            print(f"round {number + 1}: with {with_rates[-1]:.2f} images/s, without {without_rates[-1]:.2f} images/s")
    ratio = statistics.median(with_rates) / statistics.median(without_rates)
    print(f"median: with / without {ratio:.3f}")


if __name__ == "__main__":
    main()
