"""How many wrong labels the report of a fine-tuned model names, where a tenth of all labels was turned.

python -m tests.benchmarks.wrong_labels --images PHOTOS --weights FILE

Photos are taken at 224 x 224, in float32.
"""

import csv
import re
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from jobs.finetune.command import finetune
from jobs.report import report
from tests.runs import Page

_LABELS = ("cat", "dog")
_NUM_READ = 120  # of the list, from its top
_NAME = re.compile(r"photo-\d{5}")


def main(
    images: Annotated[Path, typer.Option(help="Folder of photos by Kaggle's names, cat.1.jpg and dog.1.jpg.")],
    weights: Annotated[str, typer.Option(help="Weights file of VGG16's convolutions.")],
    num_images: Annotated[int, typer.Option(help="How many of them, as many cats as dogs.")] = 1_000,
    share: Annotated[float, typer.Option(help="Share of labels to turn.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Decides which photos, and which labels.")] = 0,
) -> None:
    """Print how many of the turned labels stand at the top of the report's list."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        turned = prepare(images, folder, num_images, share, seed)
        options = {"labels_file": folder / "labels.csv", "precision": "float32", "seed": seed, "verbose": Console()}
        finetune(images=folder / "photos", output=folder / "model", weights=weights, **options)  # type: ignore[arg-type]
        named = named_photos(report(folder / "model").path.read_text(encoding="utf-8"))
    print(f"{len(turned & set(named[:_NUM_READ]))} of {len(turned)} wrong labels among the first {_NUM_READ} named")


def prepare(images: Path, folder: Path, num_images: int, share: float, seed: int) -> set[str]:
    """Link photos under names that tell nothing, with a file of their labels; return those whose label is turned."""
    generator = np.random.default_rng(seed)
    chosen = [
        (label, path)
        for label in _LABELS
        for path in generator.permutation(sorted(images.glob(f"{label}.*")))[: num_images // len(_LABELS)]
    ]
    wrong = set(generator.permutation(len(chosen))[: round(share * len(chosen))].tolist())
    (folder / "photos").mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "label"))
        for number, (label, path) in enumerate(chosen):
            name = f"photo-{number:05d}"
            (folder / "photos" / f"{name}.jpg").symlink_to(path.resolve())
            rows.writerow((name, _LABELS[_LABELS.index(label) ^ (number in wrong)]))
    return {f"photo-{number:05d}" for number in wrong}


def named_photos(page: str) -> list[str]:
    """The photos that the report names as labelled wrongly, the worst first."""
    text = Page(page).text
    section = text[text.rindex("Labels to check") : text.rindex("Looks")]
    return list(dict.fromkeys(_NAME.findall(section)))


if __name__ == "__main__":
    typer.run(main)
