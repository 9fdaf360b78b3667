"""Run everything once on drawn pictures, offline.

    shardscore demo

Reads nothing. Leaves ./shardscore-demo: drawn photos, a run folder with predictions, sonar results and
submission.csv. About 50 s on 2 cores.
"""

from pathlib import Path

from rich.console import Console

from jobs.score import ScoreRequest, score
from jobs.score_images import ImagesRequest
from jobs.score_sonar import SonarRequest
from jobs.submission import submission
from scoring.classifiers import VGG16_CATS_DOGS, ModelRequest
from scoring.drawings import draw_photos, draw_sonar
from scoring.engines import Precision, keras_backend
from scoring.errors import DownloadError
from scoring.sonar import UCI, find_sonar
from scoring.submission import SubmissionRequest
from scoring.vgg16 import RANDOM_WEIGHTS

_NUM_PHOTOS = 36
_SEED = 2017
_DOWNLOAD_PATIENCE_S = 3.0


def demo(weights: str, output: Path, console: Console) -> bool:
    """Draw, score, run sonar, write a submission, and say what was made.

    Args:
        weights: `random`, `imagenet`, or a weights file of VGG16.
        output: Folder for everything.
        console: Where to tell it.

    Returns:
        Whether all of it was made.
    """
    photos, run = output / "photos", output / "run"
    draw_photos(photos, _NUM_PHOTOS, _SEED)
    console.print(f"drew {_NUM_PHOTOS} pictures into {photos}, five of them odd or broken on purpose")
    model = ModelRequest(
        VGG16_CATS_DOGS, None if weights == "imagenet" else weights, None, Precision.AUTO, keras_backend()
    )
    sonar = SonarRequest(_sonar_source(output, console), None, 0, keras_backend())
    if not score(ScoreRequest(run, ImagesRequest(photos, model), sonar, overwrite=True), console):
        return False
    submission(run, SubmissionRequest(fallback=0.5, partial=True), None, console)
    _print_next_steps(weights, run, console)
    return True


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
            "\nThe network was untrained: these scores mean nothing. With ImageNet's weights (528 MB, downloaded once):"
            "\n  shardscore demo --weights imagenet"
        )
    look = f"import pandas; print(pandas.read_parquet('{run / 'predictions'}'))"
    console.print(
        f'\nLook at the predictions:\n  python -c "{look}"\n'
        "With Kaggle's photos (kaggle competitions download -c dogs-vs-cats-redux-kernels-edition):\n"
        "  shardscore score --images test.zip --model vgg16-cats-dogs --output runs/test\n"
        "  shardscore submission runs/test",
    )
