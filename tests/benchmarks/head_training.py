"""Seconds and memory to train one head on synthetic features of the lesson's size, 25,000 x 4,096.

python -m tests.benchmarks.head_training
python -m tests.benchmarks.head_training --num-features 25088 --repeats 1 --epochs 2     # as much as there ever is
"""

import os
import statistics
import time
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import typer

from scoring.finetuning.fitting import Examples
from scoring.finetuning.heads import train_head
from scoring.finetuning.view_rows import mapped
from scoring.models.trained_heads import HeadSettings
from scoring.process.memory import peak_memory_bytes


def _synthetic(num_images: int, num_features: int) -> tuple[Examples, Examples]:
    """Rectified noise like fc2's outputs, two classes that overlap a little; 2,000 photos to validate on."""
    generator = np.random.default_rng(0)
    truth = np.arange(num_images) % 2
    direction = generator.normal(0, 0.035, num_features).astype(np.float32)
    values = mapped((num_images, 1, num_features))
    for start in range(0, num_images, 1000):
        rows = slice(start, start + 1000)
        noise = generator.normal(-0.5, 1, (len(truth[rows]), num_features)).astype(np.float32)
        values[rows, 0] = np.maximum(noise + np.where(truth[rows, None] == 1, direction, -direction), 0)
    num_validation = min(2000, num_images // 5)
    photos = np.arange(num_images)
    train, validation = photos[num_validation:], photos[:num_validation]
    return Examples(values, truth[train], train), Examples(values, truth[validation], validation)


def main(
    num_images: Annotated[int, typer.Option(help="Rows.")] = 25_000,
    num_features: Annotated[int, typer.Option(help="Columns.")] = 4_096,
    repeats: Annotated[int, typer.Option(help="Heads to train.")] = 3,
    epochs: Annotated[int, typer.Option(help="Most epochs of each.")] = HeadSettings.max_epochs,
) -> None:
    """Print the seconds for each head, and the peak memory."""
    train, validation = _synthetic(num_images, num_features)
    seconds = []
    for seed in range(repeats):
        started = time.perf_counter()
        head = train_head(train, validation, 2, HeadSettings(max_epochs=epochs), seed)
        seconds.append(time.perf_counter() - started)
        best = head.curve[head.best_epoch - 1]
        print(
            f"head {seed}: {seconds[-1]:.1f} s, {len(head.curve)} epochs, best {head.best_epoch}: "
            f"log loss {best.validation_log_loss:.4f}, accuracy {best.validation_accuracy:.4f}",
            flush=True,
        )
    print(
        f"median: {statistics.median(seconds):.1f} s for one head on {num_images} x {num_features} features; "
        f"peak memory {peak_memory_bytes() / 1e9:.2f} GB"
    )


if __name__ == "__main__":
    typer.run(main)
