"""Seconds to train the heads of radial basis functions of `finetune`, and how well they do, on drawn features.

    python -m tests.benchmarks.rbf_head_training
    python -m tests.benchmarks.rbf_head_training --num-images 4000 --num-labels 6

Five folds drawn three times, as the preset `fast` does. Features are rectified mixtures of few hidden ones, and labels
are drawn by these and by their products: no straight line tells them apart. Seconds of the processor count where other
work goes on beside.
"""

import time
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from scipy.special import softmax

from scoring.finetuning.features import Features
from scoring.finetuning.photo_split import split_folds
from scoring.finetuning.rbf_heads import RbfTrainer
from scoring.finetuning.training_set import TrainingSet
from scoring.process.memory import peak_memory_bytes
from scoring.quality.evaluation import log_loss
from scoring.run.fingerprint import Fingerprint
from scoring.sources.entries import ImageEntry

_NUM_HIDDEN = 24
_NUM_FOLDS, _NUM_DRAWS = 5, 3
_FINGERPRINT = Fingerprint("images", "model", "labels", "squash", "keras-tensorflow", "float32", schema_version=2)


def _drawn(num_images: int, num_features: int, num_labels: int, noise: float) -> TrainingSet:
    """Photos with drawn features and labels; more noise, less to learn."""
    generator = np.random.default_rng(5)
    hidden = generator.normal(0, 1, (num_images, _NUM_HIDDEN)).astype(np.float32)
    mixed = hidden @ (generator.normal(0, 1, (_NUM_HIDDEN, num_features)) / 5).astype(np.float32)
    grain = generator.normal(0, 0.3, mixed.shape).astype(np.float32)
    values: npt.NDArray[np.float16] = np.maximum(mixed + grain, 0).astype(np.float16)
    bent = hidden[:, 5 : 5 + num_labels] * hidden[:, 8 : 8 + num_labels]
    scores = 2 * hidden[:, :num_labels] + bent + generator.gumbel(0, noise, bent.shape)
    targets = [f"label {label:02}" for label in scores.argmax(axis=1)]
    images = [ImageEntry(str(row), f"{row}.jpg", 1, target=target) for row, target in enumerate(targets)]
    draws = (split_folds(targets, _NUM_FOLDS, seed=0, draw=draw) for draw in range(_NUM_DRAWS))
    splits = tuple(fold for folds in draws for fold in folds)
    features = Features(images, targets, values[:, None], 0)
    return TrainingSet(features, tuple(sorted(set(targets))), splits, None, _FINGERPRINT, _NUM_DRAWS)


def main(
    num_images: Annotated[int, typer.Option(help="Rows.")] = 12_000,
    num_features: Annotated[int, typer.Option(help="Columns.")] = 1_024,
    num_labels: Annotated[int, typer.Option(min=2, max=16, help="Classes.")] = 2,
    noise: Annotated[float, typer.Option(help="Of the labels: with 0 the features tell them all.")] = 1.0,
) -> None:
    """Print the seconds for all heads, their quality, and the peak memory."""
    photos = _drawn(num_images, num_features, num_labels, noise)
    trainer = RbfTrainer(photos, seed=0)
    began, began_cpu = time.perf_counter(), time.process_time()
    heads = [trainer.train(number) for number in range(len(photos.splits))]
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    said = softmax(photos.measured_logits(heads), axis=2).mean(axis=1).astype(np.float32)
    truth = photos.truth[photos.measured]
    print(
        f"{len(heads)} heads on {num_images} x {num_features} features, {num_labels} labels: {seconds:.1f} s, "
        f"{cpu:.1f} s of the processor\n"
        f"regularisations {sorted({head.strength for head in heads if head.strength})}, "
        f"log loss {log_loss(said, truth):.5f}, accuracy {(said.argmax(axis=1) == truth).mean():.4f}\n"
        f"peak memory {peak_memory_bytes() / 1e9:.2f} GB"
    )


if __name__ == "__main__":
    typer.run(main)
