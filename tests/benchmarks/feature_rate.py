"""Steady rate of extracting features, for `finetune` and for `embed`, over that of scoring: VGG16 in one worker.

python -m tests.benchmarks.feature_rate --images PHOTOS
"""

import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.session import open_session
from jobs.bench.one_worker import place_alone, score_alone
from scoring.finetuning.features import FeatureRequest
from scoring.models.embedding import EmbeddingRequest, EmbeddingType
from scoring.models.kinds import VGG16_CATS_DOGS
from scoring.models.model_request import ModelRequest
from scoring.networks.base_networks import LAST_DENSE
from scoring.networks.base_request import VGG16, BaseRequest
from scoring.networks.engines import keras_backend
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.pixels.decoding import Resize
from scoring.run.folder import RunFolder
from scoring.run.manifest import write_manifest
from scoring.shards.settings import ScorerSettings
from scoring.sources.inputs import find_images

if TYPE_CHECKING:
    from scoring.models.shard_model import ShardModelRequest

_SHARD_SIZE, _BATCH_SIZE = 64, 16


def main(
    images: Annotated[Path, typer.Option(help="Folder of photos.")],
    num_images: Annotated[int, typer.Option(help="How many of them.")] = 192,
    rounds: Annotated[int, typer.Option(help="Rounds of each.")] = 3,
) -> None:
    """Print every round and the ratios of the medians."""
    backend = keras_backend()
    base = BaseRequest(VGG16, RANDOM_WEIGHTS, LAST_DENSE)
    models: dict[str, ShardModelRequest] = {
        "score": ModelRequest(VGG16_CATS_DOGS, RANDOM_WEIGHTS, None, Precision.AUTO, backend),
        "features": FeatureRequest(base, False, Precision.AUTO, backend),
        "embed": EmbeddingRequest(base, EmbeddingType.FLOAT16, Precision.AUTO, backend),
    }
    rates: dict[str, list[float]] = {name: [] for name in models}
    with open_session(None), tempfile.TemporaryDirectory() as scratch:
        for number in range(rounds):
            for name, model in models.items():
                folder = RunFolder(Path(scratch) / f"{name}-{number}")
                folder.predictions.mkdir(parents=True)
                listing = find_images(images).images[:num_images]
                manifest = write_manifest(folder.manifest, listing, _SHARD_SIZE, 0)
                settings = ScorerSettings(images.absolute(), folder.path, model, Resize.SQUASH, _BATCH_SIZE, 2)
                rates[name].append(score_alone(settings, manifest, place_alone()).steady_images_per_s or 0.0)
            found = ", ".join(f"{name} {of_rounds[-1]:.2f}" for name, of_rounds in rates.items())
            print(f"round {number + 1}: {found} images/s")
    score, *others = (statistics.median(of_rounds) for of_rounds in rates.values())
    for name, rate in zip(list(rates)[1:], others, strict=True):
        print(f"median: score {score:.2f}, {name} {rate:.2f}, {name} / score {rate / score:.3f}")


if __name__ == "__main__":
    typer.run(main)
