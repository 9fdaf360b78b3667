"""Run everything once on drawn pictures, offline: fine-tune, score, sonar, submission, report.

    shardscore demo

Reads nothing. Leaves ./shardscore-demo: drawn photos, a fine-tuned model, a run folder with predictions, sonar results,
submission.csv and report.html.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cluster.session import open_session
from jobs.console.exit_codes import COMPLETE, MISSING, exit_codes
from jobs.console.terminal import terminal
from jobs.finetune.job import FinetuneRequest, finetune
from jobs.report import report
from jobs.score.images_request import ImagesRequest
from jobs.score.job import ScoreRequest, score
from jobs.score.sonar_job import SonarRequest
from jobs.submission import submission
from scoring.bench.drawings import NUM_ODD, draw_odd_photos, draw_photos, draw_sonar
from scoring.errors import DownloadError
from scoring.finetuning.features import FeatureRequest
from scoring.models.model_request import ModelRequest
from scoring.models.trained_heads import HeadSettings
from scoring.networks.base_networks import LAST_DENSE, VGG16, BaseRequest
from scoring.networks.engines import keras_backend
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.sonar.returns import UCI, find_sonar
from scoring.sources.targets import LabelsFrom
from scoring.submissions.submission import SubmissionRequest

app = typer.Typer()

_NUM_TRAIN, _NUM_TEST = 100, 35
_SEED = 2017
_DOWNLOAD_PATIENCE_S = 3.0


def demo(weights: str, output: Path, console: Console) -> bool:
    """Draw, fine-tune, score, run sonar, write submission and report, and say what was made.

    Args:
        weights: `random`, `imagenet`, or a weights file of VGG16.
        output: Folder for everything.
        console: Where to tell it.

    Returns:
        Whether all of it was made.
    """
    run = output / "run"
    _draw(output, console)
    with open_session(None):
        if not finetune(_finetune_request(weights, output), console) or not score(
            _score_request(output, console), console
        ):
            return False
    submission(run, SubmissionRequest(fallback=0.5, partial=True), None, console)
    report(output / "model", None, None, console)
    report(run, None, None, console)
    _print_next_steps(weights, run, console)
    return True


def _draw(output: Path, console: Console) -> None:
    train, test = output / "train", output / "test"
    draw_photos(train, _NUM_TRAIN, _SEED)
    draw_photos(test, _NUM_TEST, _SEED + 1)
    draw_odd_photos(test, _NUM_TEST, _SEED + 2)
    console.print(
        f"drew {_NUM_TRAIN} labelled pictures into {train}, {_NUM_TEST} others into {test}, and beside these {NUM_ODD} "
        "that are odd or broken on purpose"
    )


def _finetune_request(weights: str, output: Path) -> FinetuneRequest:
    base = BaseRequest(VGG16, None if weights == "imagenet" else weights, LAST_DENSE)
    features = FeatureRequest(base, flip=False, precision=Precision.AUTO, backend=keras_backend())
    images = ImagesRequest(output / "train", features, LabelsFrom.FOLDERS)
    return FinetuneRequest(output / "model", images, HeadSettings(), ensemble=2, head_only=True, overwrite=True)


def _score_request(output: Path, console: Console) -> ScoreRequest:
    model = ModelRequest(str(output / "model"), None, None, Precision.AUTO, keras_backend())
    images = ImagesRequest(output / "test", model, LabelsFrom.FOLDERS)
    sonar = SonarRequest(_sonar_source(output, console), None, 0, keras_backend())
    return ScoreRequest(output / "run", images, sonar, overwrite=True)


def _sonar_source(output: Path, console: Console) -> str:
    """UCI's file if it can be had, else drawn returns."""
    try:
        return str(find_sonar(UCI, _DOWNLOAD_PATIENCE_S))
    except DownloadError:
        drawn = output / "drawn.sonar.all-data"
        draw_sonar(drawn, _SEED)
        console.print(f"UCI cannot be reached: drew sonar returns into {drawn}; their accuracy means nothing")
        return str(drawn)


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


@app.command("demo")
def _demo(
    weights: Annotated[
        str, typer.Option(help="'imagenet' for the real weights, downloaded, or a weights file of VGG16.")
    ] = "random",
    output: Annotated[Path, typer.Option(help="Folder for everything that it makes.")] = Path("shardscore-demo"),
) -> None:
    """Run everything once, offline, on pictures it draws itself; under two minutes on two cores."""
    with exit_codes():
        complete = demo(weights, output, terminal())
    raise typer.Exit(COMPLETE if complete else MISSING)
