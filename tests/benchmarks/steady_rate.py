"""The job's steady rate over the same model's bare forward rate, in the same process layout.

    python -m tests.benchmarks.steady_rate --images PHOTOS [--model vgg16-cats-dogs] [--precision bfloat16]

Each round runs both, one after the other, in one Ray worker that has all cores: a bare loop over batches decoded
beforehand, and whole shards (read, decode, score, write). Prints every round and the ratio of the medians.
"""

import argparse
import statistics
import tempfile
import time
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from cluster.session import open_session
from scoring.classifiers import ModelRequest, load_classifier
from scoring.engines import EngineName, keras_backend
from scoring.images import Resize, decode
from scoring.inputs import find_images, open_images
from scoring.manifest import write_manifest
from scoring.precision import Precision
from scoring.run_folder import RunFolder
from scoring.shard_scorer import ScorerSettings, ShardScorer, image_sample
from tests.benchmarks.rates import run_alone, score_alone

_SHARD_SIZE = 64
_NUM_BATCHES = 12


class BareForward:
    """Scores decoded batches and nothing else; called with a number of batches, it returns images per second."""

    def __init__(self, settings: ScorerSettings) -> None:
        self._classifier = load_classifier(settings.model, partial(image_sample, settings))
        read = open_images(settings.images)
        entries = islice(find_images(settings.images).images, settings.batch_size)
        self._batch = np.stack([decode(read(entry.path, entry.raw_path), settings.resize) for entry in entries])
        self._classifier.score(self._batch)  # compiles

    def __call__(self, num_batches: int) -> float:
        started = time.perf_counter()
        for _ in range(num_batches):
            self._classifier.score(self._batch)
        return num_batches * len(self._batch) / (time.perf_counter() - started)


def main() -> None:
    """Run the rounds and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--model", default="vgg16-cats-dogs")
    parser.add_argument("--labels")
    parser.add_argument("--weights", default="random")
    parser.add_argument("--engine", type=EngineName, default=EngineName.KERAS)
    parser.add_argument("--precision", type=Precision, default=Precision.AUTO)
    parser.add_argument("--num-images", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    weights = options.weights if options.model.startswith("vgg16") else None
    model = ModelRequest(options.model, weights, options.labels, options.precision, keras_backend(), options.engine)
    bare_rates: list[float] = []
    job_rates: list[float] = []
    with open_session(None), tempfile.TemporaryDirectory() as scratch:
        for round_number in range(options.rounds):
            folder = RunFolder(Path(scratch) / str(round_number))
            folder.predictions.mkdir(parents=True)
            images = find_images(options.images).images[: options.num_images]
            manifest = write_manifest(folder.manifest, images, _SHARD_SIZE, 0)
            settings = ScorerSettings(
                options.images.absolute(), folder.path, model, Resize.SQUASH, options.batch_size, decode_threads=2
            )
            bare_rates += run_alone(partial(BareForward, settings), [_NUM_BATCHES])
            summary = score_alone(ShardScorer, settings, manifest)
            job_rates.append(summary.steady_images_per_s or 0.0)
            print(
                f"round {round_number + 1}: bare {bare_rates[-1]:.2f} images/s, job {job_rates[-1]:.2f} images/s, "
                f"model waited {summary.wait_s:.1f} s of {summary.score_s:.1f} s"
            )
    bare_median, job_median = statistics.median(bare_rates), statistics.median(job_rates)
    print(f"median: bare {bare_median:.2f}, job {job_median:.2f}, job / bare {job_median / bare_median:.3f}")


if __name__ == "__main__":
    main()
