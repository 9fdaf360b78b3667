"""Run everything once on drawn pictures, offline too: fine-tune, score, sonar, submission, report.

    shardscore demo

Downloads ImageNet's weights of VGG16's convolutions (59 MB) and UCI's sonar returns, where they can be had. Leaves
./shardscore-demo: drawn photos, a fine-tuned model, a run folder with predictions, sonar results, submission.csv and
report.html.
"""

import json
from pathlib import Path

from rich.console import Console

from jobs.console.arguments import checked
from jobs.console.commands import command
from jobs.console.places import PlaceWord, here, text_of
from jobs.console.session import open_session
from jobs.console.terminal import print_command
from jobs.finetune.command import finetune
from jobs.report import report
from jobs.score.command import score
from jobs.submission import submission
from scoring.bench.demo_folder import hold_demo_folder
from scoring.bench.drawings import NUM_ODD, draw_odd_photos, draw_photos, draw_sonar
from scoring.errors import DownloadError, StorageError
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.networks.vgg16_convolutions import CONVOLUTIONS_WEIGHTS
from scoring.sonar.returns import UCI, find_sonar

_NUM_TRAIN, _NUM_TEST = 100, 35
_SEED = 2017
_DOWNLOAD_PATIENCE_S = 3.0
WITH_KAGGLES_PHOTOS = """\
  kaggle competitions download -c dogs-vs-cats-redux-kernels-edition
  shardscore finetune --images dogs-vs-cats-redux-kernels-edition.zip/train.zip \\
      --output models/dogs-vs-cats
  shardscore score --images dogs-vs-cats-redux-kernels-edition.zip/test.zip --model models/dogs-vs-cats \\
      --output runs/test
  shardscore submission runs/test
  shardscore report runs/test"""
_IF_THEY_CAN_BE_HAD = "auto"


@checked
def demo(
    *, weights: str | Path = _IF_THEY_CAN_BE_HAD, output: PlaceWord = Path("shardscore-demo"), verbose: Console
) -> None:
    """Run everything once on drawn pictures, offline too; about two minutes on two cores.

    Args:
        weights: A weights file of VGG16's convolutions, or 'random' for an untrained network; by default ImageNet's (59
            MB), or random if they cannot be downloaded.
        output: Folder for all files of the demo.
        verbose: Where to print.
    """
    folder = here(output, "output")
    with hold_demo_folder(folder):
        _demo(folder, text_of(weights), verbose)


def _demo(folder: Path, weights: str, verbose: Console) -> None:
    model, run = folder / "model", folder / "run"
    _draw(folder, verbose)
    sonar = choose_sonar(folder, verbose)
    chosen = choose_weights(weights, verbose)
    with open_session(None):
        finetune(
            images=folder / "train",
            output=model,
            labels_from="folders",
            weights=chosen,
            head_only=True,
            overwrite=True,
            verbose=verbose,
        )
        score(
            images=folder / "test",
            output=run,
            model=model,
            sonar=sonar,
            labels_from="folders",
            overwrite=True,
            verbose=verbose,
        )
    submission(run, fallback=0.5, partial=True, verbose=verbose)
    report(model, verbose=verbose)
    report(run, verbose=verbose)
    _print_next_steps(chosen, run, verbose)


def choose_weights(asked: str, console: Console) -> str:
    """Choose the weights below the head, and print which: as asked, ImageNet's, or none if these cannot be had."""
    if asked != _IF_THEY_CAN_BE_HAD:
        console.print(f"VGG16's convolutions with weights as asked for: {asked}")
        return asked
    try:
        path = CONVOLUTIONS_WEIGHTS.fetch()
    except DownloadError as error:
        console.print(f"VGG16's convolutions untrained, as ImageNet's weights cannot be downloaded: {error}")
        return RANDOM_WEIGHTS
    except StorageError as error:
        console.print(f"VGG16's convolutions untrained, as ImageNet's weights cannot be kept: {error}")
        return RANDOM_WEIGHTS
    console.print(f"VGG16's convolutions with ImageNet's weights: {path}")
    return str(path)


def _draw(output: Path, console: Console) -> None:
    train, test = output / "train", output / "test"
    draw_photos(train, _NUM_TRAIN, _SEED)
    draw_photos(test, _NUM_TEST, _SEED + 1)
    draw_odd_photos(test, _NUM_TEST, _SEED + 2)
    console.print(
        f"drew {_NUM_TRAIN} labelled pictures into {train}, {_NUM_TEST} others into {test}, and beside these {NUM_ODD} "
        "that are odd or broken on purpose"
    )


def choose_sonar(output: Path, console: Console) -> Path:
    """UCI's file if it can be had, else drawn returns."""
    try:
        return find_sonar(UCI, _DOWNLOAD_PATIENCE_S)
    except DownloadError:
        reason = "UCI cannot be reached"
    except StorageError:
        reason = "UCI's returns cannot be kept in this machine's cache"
    drawn = output / "drawn.sonar.all-data"
    draw_sonar(drawn, _SEED)
    console.print(f"{reason}: drew sonar returns into {drawn}; their accuracy means nothing")
    return drawn


def _print_next_steps(weights: str, run: Path, console: Console) -> None:
    if weights == RANDOM_WEIGHTS:
        console.print()
        console.print(
            "The network below the head was untrained: enough for drawings. With ImageNet's weights (59 MB), fetched "
            "by other means:"
        )
        console.print(f"  shardscore demo --weights {CONVOLUTIONS_WEIGHTS.name}")
    path = json.dumps(str(run / "predictions"), ensure_ascii=False)  # as Python reads it, too
    console.print()
    console.print(f"Open {run / 'report.html'} in a browser, or look at the predictions:")
    print_command(console, "  ", ["python", "-c", f"import pandas; print(pandas.read_parquet({path}))"])
    console.print("With Kaggle's photos, whose zip need not be unpacked:")
    for line in WITH_KAGGLES_PHOTOS.splitlines():
        console.print(line)


_EXAMPLES = (
    "demo",
    "demo --weights random --output /tmp/demo",
)

app = command("demo", demo, examples=_EXAMPLES)
