"""Run everything once on drawn pictures, offline: fine-tune, score, sonar, submission, report.

    shardscore demo

Reads nothing. Leaves ./shardscore-demo: drawn photos, a fine-tuned model, a run folder with predictions, sonar results,
submission.csv and report.html.
"""

from pathlib import Path

from rich.console import Console

from jobs.console.commands import command
from jobs.console.session import open_session
from jobs.finetune.command import finetune
from jobs.report import report
from jobs.score.command import score
from jobs.submission import submission
from scoring.bench.drawings import NUM_ODD, draw_odd_photos, draw_photos, draw_sonar
from scoring.errors import DownloadError
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.sonar.returns import UCI, find_sonar

_NUM_TRAIN, _NUM_TEST = 100, 35
_SEED = 2017
_DOWNLOAD_PATIENCE_S = 3.0


def demo(*, weights: str = RANDOM_WEIGHTS, output: Path = Path("shardscore-demo"), verbose: Console) -> None:
    """Run everything once, offline, on pictures it draws itself; under two minutes on two cores.

    Args:
        weights: 'imagenet' for the real weights, downloaded, or a weights file of VGG16.
        output: Folder for everything that it makes.
        verbose: Where to print.
    """
    model, run = output / "model", output / "run"
    _draw(output, verbose)
    sonar = _sonar_source(output, verbose)
    with open_session(None):
        finetune(
            images=output / "train",
            output=model,
            labels_from="folders",
            weights=None if weights == "imagenet" else weights,
            ensemble=2,
            head_only=True,
            overwrite=True,
            verbose=verbose,
        )
        score(
            images=output / "test",
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
    _print_next_steps(weights, run, verbose)


def _draw(output: Path, console: Console) -> None:
    train, test = output / "train", output / "test"
    draw_photos(train, _NUM_TRAIN, _SEED)
    draw_photos(test, _NUM_TEST, _SEED + 1)
    draw_odd_photos(test, _NUM_TEST, _SEED + 2)
    console.print(
        f"drew {_NUM_TRAIN} labelled pictures into {train}, {_NUM_TEST} others into {test}, and beside these {NUM_ODD} "
        "that are odd or broken on purpose"
    )


def _sonar_source(output: Path, console: Console) -> Path:
    """UCI's file if it can be had, else drawn returns."""
    try:
        return find_sonar(UCI, _DOWNLOAD_PATIENCE_S)
    except DownloadError:
        drawn = output / "drawn.sonar.all-data"
        draw_sonar(drawn, _SEED)
        console.print(f"UCI cannot be reached: drew sonar returns into {drawn}; their accuracy means nothing")
        return drawn


def _print_next_steps(weights: str, run: Path, console: Console) -> None:
    if weights == RANDOM_WEIGHTS:
        console.print(
            "\nThe network below the head was untrained: enough for drawings. With ImageNet's weights (528 MB, "
            "downloaded once):\n  shardscore demo --weights imagenet"
        )
    look = f"import pandas; print(pandas.read_parquet('{run / 'predictions'}'))"
    console.print(
        f"\nOpen {run / 'report.html'} in a browser, or look at the predictions:\n"
        f'  python -c "{look}"\n'
        "With Kaggle's photos (kaggle competitions download -c dogs-vs-cats-redux-kernels-edition):\n"
        "  shardscore finetune --images train.zip --output models/dogs-vs-cats\n"
        "  shardscore score --images test.zip --model models/dogs-vs-cats --output runs/test\n"
        "  shardscore submission runs/test\n"
        "  shardscore report runs/test",
    )


app = command("demo", demo)
