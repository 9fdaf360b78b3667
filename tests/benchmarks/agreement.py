"""How far every engine and precision is from Keras in float32, on labelled photos.

    python -m tests.benchmarks.agreement --images PHOTOS --model FILE.keras --labels cat,dog

`--model` takes what `shardscore score` takes. Prints one row each: share of equal labels, the largest difference of any
probability and the mean one, and the accuracy where names or folders tell the truth. int8 is calibrated on one of every
two of up to 200 of the photos, as in `score`.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from scoring.arrays import Float32Array, UInt8Array
from scoring.bench.results import VARIANTS
from scoring.errors import ImageError, ImagesError, ModelError
from scoring.models.classifier import Classifier
from scoring.models.model_request import ModelRequest
from scoring.networks.agreement import ImageSample
from scoring.networks.engines import keras_backend
from scoring.networks.precision import Precision
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import InputShape
from scoring.quality.label_matching import label_matcher
from scoring.run.folder import RunFolder
from scoring.run.manifest import write_manifest
from scoring.shards.image_sample import image_sample
from scoring.shards.settings import ScorerSettings
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import find_images, open_images
from scoring.sources.targets import LabelsFrom, with_targets
from scoring.storage.locations import Location, locate

_BATCH_SIZE = 16


def main() -> None:
    """Score all photos with every variant and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=locate, required=True)
    parser.add_argument("--num-images", type=int, help="The first of them.  [default: all]")
    parser.add_argument("--model", required=True)
    parser.add_argument("--weights")
    parser.add_argument("--labels")
    parser.add_argument("--resize", type=Resize, default=Resize.SQUASH)
    options = parser.parse_args()
    entries = find_images(options.images).images
    try:
        entries = with_targets(entries, LabelsFrom.AUTO)
    except ImagesError:
        print("the photos carry no labels: no accuracy")
    entries = _spread(entries, options.num_images or len(entries))
    pixels, targets = _decode_all(options.images, entries, options.resize)
    request = ModelRequest(options.model, options.weights, options.labels, Precision.FLOAT32, keras_backend())
    exact = request.load()
    reference = _score_all(exact, pixels)
    truth = np.array([-1 if target is None else _class_of(target, exact.labels) for target in targets])
    table = _table()
    with tempfile.TemporaryDirectory() as scratch:
        write_manifest(RunFolder(Path(scratch)).manifest, entries, len(entries), 0)
        settings = ScorerSettings(options.images.absolute(), Path(scratch), request, options.resize, _BATCH_SIZE, 1)
        for variant in VARIANTS:
            asked = replace(request, engine=variant.engine, precision=variant.precision)
            try:
                scores = _score_again(asked, partial(image_sample, settings), pixels)
            except ModelError as error:
                print(f"left out {variant}: {error}")
                continue
            table.add_row(str(variant), *_figures(reference, scores, truth))
    print(f"{len(pixels)} photos, {options.model}")
    Console(highlight=False, markup=False).print(table)


def _spread(entries: Sequence[ImageEntry], count: int) -> list[ImageEntry]:
    """At most `count` of them, evenly spaced: a listing has all cats before the dogs."""
    return [entries[index * len(entries) // count] for index in range(min(count, len(entries)))]


def _decode_all(images: Location, entries: Sequence[ImageEntry], resize: Resize) -> tuple[UInt8Array, list[str | None]]:
    """The readable photos' pixels, shape (num_images, 224, 224, 3), and their targets."""
    read = open_images(images)
    pixels, targets = [], []
    for entry in entries:
        try:
            pixels.append(decode(read(entry), resize))
        except ImageError:
            continue
        targets.append(entry.target)
    return np.stack(pixels), targets


def _score_again(
    request: ModelRequest, sample: Callable[[InputShape], ImageSample], pixels: UInt8Array
) -> Float32Array:
    return _score_all(request.load(sample), pixels)


def _score_all(classifier: Classifier, pixels: UInt8Array) -> Float32Array:
    """Probabilities, shape (num_images, num_classes), from batches of one shape."""
    missing = -len(pixels) % _BATCH_SIZE
    padded = np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), np.uint8)])
    batches = np.split(padded, len(padded) // _BATCH_SIZE)
    return np.concatenate([classifier.score(batch) for batch in batches])[: len(pixels)]


def _class_of(target: str, labels: tuple[str, ...]) -> int:
    matched = label_matcher(labels)(target)
    return -1 if matched is None else matched


def _figures(exact: Float32Array, scores: Float32Array, truth: np.ndarray) -> tuple[str, ...]:
    found, labelled = scores.argmax(axis=1), truth >= 0
    equal, differences = (found == exact.argmax(axis=1)).mean(), np.abs(scores - exact)
    right = f"{(found == truth)[labelled].mean():.2%}" if labelled.any() else "-"
    return f"{equal:.2%}", f"{differences.max():.2g}", f"{differences.mean():.2g}", right


def _table() -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("\n", no_wrap=True)
    for heading in ("equal\nlabels", "largest\ndifference", "mean\ndifference", "\naccuracy"):
        table.add_column(heading, justify="right", no_wrap=True)
    return table


if __name__ == "__main__":
    main()
