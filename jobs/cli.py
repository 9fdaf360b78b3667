"""The `shardscore` command; `python -m jobs` is the same."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from cluster.errors import ClusterError, PlacementError
from jobs.bench import bench
from jobs.bench_request import BenchRequest
from jobs.demo import demo
from jobs.exit_codes import COMPLETE, INTERRUPTED, MISSING, NONSENSE, TERMINATED, Terminated
from jobs.finetune import Augment, FinetuneRequest, Unfreeze, base_of, finetune
from jobs.options import (
    AcceleratorType,
    Actors,
    Address,
    BatchSize,
    CpusPerActor,
    GpusPerActor,
    ModelName,
    ResizeMode,
    WaitForNodes,
    Weights,
)
from jobs.report import report
from jobs.score import ScoreRequest, score
from jobs.score_images import ImagesRequest
from jobs.score_sonar import SonarRequest
from jobs.simulate import SimulateRequest, simulate
from jobs.sonar import StudyRequest, sonar
from jobs.status import status
from jobs.submission import submission
from jobs.submit import SubmitRequest, submit
from scoring.errors import RequestError, ScoringError
from scoring.finetuning.base_networks import VGG16
from scoring.finetuning.features import FeatureRequest
from scoring.finetuning.fitting import HeadSettings
from scoring.images import Resize
from scoring.networks.classifiers import VGG16_CATS_DOGS, VGG16_IMAGENET, ModelRequest
from scoring.networks.engines import EngineName, keras_backend
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.sonar.protocols import Protocol
from scoring.sonar.recipes import SonarModel
from scoring.sources.table_images import TableColumns
from scoring.storage import locate
from scoring.submission import DEFAULT_CLIP, Competition, SubmissionRequest
from scoring.targets import LabelsFrom

_IMAGES = "Folder, .zip, .tar or x-{000..012}.tar, .parquet table; a path, s3:// or gs://."


@contextmanager
def _exit_codes() -> Iterator[None]:
    """Turn a fault into one line on standard error and the exit code of its kind."""
    try:
        yield
    except (RequestError, PlacementError) as error:
        _fail(error, NONSENSE)
    except (ScoringError, ClusterError) as error:
        _fail(error, MISSING)
    except (KeyboardInterrupt, Terminated) as stop:
        _stop(stop)
    except SystemError as error:  # a stop that arrived in compiled code, Ray's: Python wraps it
        if not isinstance(error.__cause__, KeyboardInterrupt | Terminated):
            raise
        _stop(error.__cause__)


def _stop(stop: BaseException) -> NoReturn:
    print("stopped; what is finished is kept: run the same command again to go on", file=sys.stderr)
    sys.exit(INTERRUPTED if isinstance(stop, KeyboardInterrupt) else TERMINATED)


def _on_sigterm(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def _fail(error: Exception, code: int) -> NoReturn:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(code)


def _console() -> Console:
    """Standard output. In a log, lines keep their length; brackets in file names are no markup."""
    return Console(soft_wrap=True, highlight=False, markup=False)


app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _shardscore() -> None:
    """Score a large collection of images with a Keras model on Ray: one row for every image, always."""


@app.command("score")
def _score(
    output: Annotated[
        str, typer.Option(help="Run folder: new, or an earlier run to complete. A path, s3:// or gs://.")
    ],
    images: Annotated[str | None, typer.Option(help=_IMAGES)] = None,
    sonar: Annotated[str | None, typer.Option(help="Sonar returns in UCI's format: a file, or 'uci'.")] = None,
    model: ModelName = VGG16_CATS_DOGS,
    weights: Weights = None,
    labels: Annotated[
        str | None, typer.Option(help=f"cat,dog in class order; for {VGG16_IMAGENET} an imagenet_class_index.json.")
    ] = None,
    path_column: Annotated[
        str | None, typer.Option(help="Column of a .parquet table with the images' paths.  [default: path]")
    ] = None,
    bytes_column: Annotated[
        str | None, typer.Option(help="Column with the images themselves, such as image.bytes.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column with their ids.")] = None,
    labels_from: Annotated[
        LabelsFrom | None, typer.Option(help="Labelled photos: cat.123.jpg, or cats/123.jpg; fills the target column.")
    ] = None,
    resize: ResizeMode = Resize.SQUASH,
    engine: Annotated[
        EngineName, typer.Option(help="What runs the network; openvino, for processors, is an extra of the package.")
    ] = EngineName.KERAS,
    precision: Annotated[
        Precision, typer.Option(help="Number format of the network; auto takes the device's fastest but int8.")
    ] = Precision.AUTO,
    batch_size: BatchSize = None,
    shard_size: Annotated[
        int | None, typer.Option(help="Images per predictions file.  [default: 256, fewer for small jobs]")
    ] = None,
    actors: Actors = None,
    gpus_per_actor: GpusPerActor = None,
    cpus_per_actor: CpusPerActor = None,
    accelerator_type: AcceleratorType = None,
    wait_for_nodes: WaitForNodes = None,
    shard_deadline: Annotated[
        float | None,
        typer.Option(help="Seconds until an actor counts as hanging.  [default: ten times the longest shard]"),
    ] = None,
    sonar_model: Annotated[
        Path | None, typer.Option(help="Score the returns with this trained model instead of training one.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the sonar split and the initial weights.")] = 0,
    address: Address = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Remove an earlier run in the folder first.")] = False,
) -> None:
    """Score images, and sonar returns beside them. The same command again scores what is missing."""
    backend = keras_backend()
    sonar_request = SonarRequest(sonar, sonar_model, seed, backend) if sonar else None
    with _exit_codes():
        images_request = None
        if images is not None:
            images_request = ImagesRequest(
                images=locate(images),
                model=ModelRequest(model, weights, labels, precision, backend, engine),
                labels_from=labels_from,
                resize=resize,
                batch_size=batch_size,
                shard_size=shard_size,
                actors=actors,
                gpus_per_actor=gpus_per_actor,
                cpus_per_actor=cpus_per_actor,
                shard_deadline_s=shard_deadline,
                columns=TableColumns(path_column, bytes_column, id_column),
                accelerator_type=accelerator_type,
                wait_for_nodes_s=wait_for_nodes,
            )
        complete = score(ScoreRequest(locate(output), images_request, sonar_request, address, overwrite), _console())
    raise typer.Exit(COMPLETE if complete else MISSING)


@app.command("finetune")
def _finetune(
    images: Annotated[str, typer.Option(help=f"Labelled photos. {_IMAGES}")],
    output: Annotated[str, typer.Option(help="Model folder: new, or an earlier fine-tune to complete.")],
    labels_from: Annotated[LabelsFrom, typer.Option(help="Names like cat.123.jpg, or folders like cats/123.jpg.")] = (
        LabelsFrom.AUTO
    ),
    base: Annotated[str, typer.Option(help=f"{VGG16}, or a .keras model of (224, 224, 3) pixels.")] = VGG16,
    weights: Weights = None,
    features: Annotated[
        str | None, typer.Option(help="Layer whose outputs the head sees.  [default: fc2, or the last but one]")
    ] = None,
    unfreeze: Annotated[Unfreeze, typer.Option(help="Train VGG16's two dense layers as well.")] = Unfreeze.NONE,
    augment: Annotated[Augment, typer.Option(help="Train on mirror images too, and score them too.")] = Augment.NONE,
    ensemble: Annotated[int, typer.Option(help="Heads to train and average.")] = 1,
    validation: Annotated[
        int | None, typer.Option(help="Photos kept out of training.  [default: 2000, or a fifth of fewer than 10000]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides split, initial weights, order and dropout.")] = 0,
    dropout: Annotated[float, typer.Option(help="Share of features left out in each batch.")] = HeadSettings.dropout,
    learning_rate: Annotated[float, typer.Option(help="Of Adam, for the head.")] = HeadSettings.learning_rate,
    epochs: Annotated[int, typer.Option(help="At most; training stops when it no longer helps.")] = (
        HeadSettings.max_epochs
    ),
    head_only: Annotated[bool, typer.Option("--head-only", help="Keep the head without its base network.")] = False,
    resize: ResizeMode = Resize.SQUASH,
    precision: Annotated[Precision, typer.Option(help="Number format of the base network.")] = Precision.AUTO,
    batch_size: BatchSize = None,
    shard_size: Annotated[
        int | None, typer.Option(help="Images per features file.  [default: 256, fewer for small jobs]")
    ] = None,
    actors: Actors = None,
    gpus_per_actor: GpusPerActor = None,
    cpus_per_actor: CpusPerActor = None,
    accelerator_type: AcceleratorType = None,
    wait_for_nodes: WaitForNodes = None,
    address: Address = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start clean.")] = False,
) -> None:
    """Fine-tune on labelled photos in one pass over them. The same command again goes on where it was."""
    heads = HeadSettings(
        dropout=dropout, learning_rate=learning_rate, max_epochs=epochs, unfreeze_dense=unfreeze is Unfreeze.DENSE
    )
    with _exit_codes():
        model = FeatureRequest(
            base_of(base, weights, features, unfreeze), augment is Augment.FLIP, precision, keras_backend()
        )
        images_request = ImagesRequest(
            images=locate(images),
            model=model,
            labels_from=labels_from,
            resize=resize,
            batch_size=batch_size,
            shard_size=shard_size,
            actors=actors,
            gpus_per_actor=gpus_per_actor,
            cpus_per_actor=cpus_per_actor,
            accelerator_type=accelerator_type,
            wait_for_nodes_s=wait_for_nodes,
        )
        request = FinetuneRequest(
            locate(output), images_request, heads, ensemble, validation, seed, head_only, address, overwrite
        )
        complete = finetune(request, _console())
    raise typer.Exit(COMPLETE if complete else MISSING)


@app.command("status")
def _status(
    run: Annotated[str, typer.Argument(help="Run folder written by score.")],
    verify: Annotated[bool, typer.Option("--verify", help="Read every row, and compare the ids.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what a run has done, what is missing and what is damaged."""
    with _exit_codes():
        complete = status(locate(run), verify, as_json, _console()).is_complete
    raise typer.Exit(COMPLETE if complete else MISSING)


@app.command("sonar")
def _sonar(
    output: Annotated[Path, typer.Option(help="Folder that gets sonar/: metrics, predictions and the model.")],
    data: Annotated[str, typer.Option(help="Sonar returns in UCI's format: a file, or 'uci'.")] = "uci",
    protocol: Annotated[list[Protocol] | None, typer.Option(help="Repeatable.  [default: all]")] = None,
    model: Annotated[list[SonarModel] | None, typer.Option(help="Repeatable.  [default: all]")] = None,
    seed: Annotated[int, typer.Option(help="Decides folds, initial weights and noise.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Workers of one core.  [default: one per core]")] = None,
    address: Address = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier study in the folder.")] = False,
) -> None:
    """Study the sonar returns: every protocol with every model, ours and the published, as one table."""
    protocols = tuple(dict.fromkeys(protocol or Protocol))
    models = tuple(dict.fromkeys(model or SonarModel))
    request = StudyRequest(data, output, protocols, models, seed, keras_backend(), address, workers, overwrite)
    with _exit_codes():
        complete = sonar(request, _console())
    raise typer.Exit(COMPLETE if complete else MISSING)


@app.command("submission")
def _submission(
    run: Annotated[str, typer.Argument(help="Run folder written by score.")],
    competition: Annotated[Competition, typer.Option(help="Which Kaggle competition.")] = Competition.REDUX,
    clip: Annotated[
        float | None,
        typer.Option(
            help="Keep probabilities within [clip, 1 - clip]: one wrong certainty costs most in log loss.  "
            f"[default: what finetune measured, or {DEFAULT_CLIP}]"
        ),
    ] = None,
    fallback: Annotated[float | None, typer.Option(help="Probability of a dog for unreadable images.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Allow other ids than the whole test set.")] = False,
    output: Annotated[
        str | None, typer.Option(help="CSV to write.  [default: submission.csv in the run folder]")
    ] = None,
) -> None:
    """Write a Kaggle submission from a run's predictions."""
    with _exit_codes():
        request = SubmissionRequest(competition, clip, fallback, partial)
        submission(locate(run), request, locate(output) if output else None, _console())


@app.command("submit", context_settings={"allow_interspersed_args": False})
def _submit(
    command: Annotated[list[str], typer.Argument(help="What to run there: -- score --images ... --output ...")],
    address: Annotated[
        str | None, typer.Option(help="Dashboard, as http://HEAD:8265.  [default: RAY_ADDRESS, or a Ray here]")
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE for the job's processes, or KEY for this machine's value; repeatable."),
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Submit, and leave the job alone.")] = False,
) -> None:
    """Run a command on a Ray cluster as a job; follow its log, and exit with its exit code."""
    with _exit_codes():
        code = submit(SubmitRequest(tuple(command), address, tuple(env or ()), not no_wait), app, _console())
    raise typer.Exit(code)


@app.command("report")
def _report(
    folder: Annotated[str, typer.Argument(help="Folder written by score, finetune or sonar.")],
    output: Annotated[str | None, typer.Option(help="Page to write.  [default: report.html in the folder]")] = None,
    images: Annotated[str | None, typer.Option(help="Where the images lie now, if they were moved.")] = None,
) -> None:
    """Write one page on a run, a model or a sonar study: figures, thumbnails, errors."""
    with _exit_codes():
        page, moved = (locate(text) if text else None for text in (output, images))
        complete = report(locate(folder), page, moved, _console())
    raise typer.Exit(COMPLETE if complete else MISSING)


@app.command("demo")
def _demo(
    weights: Annotated[
        str, typer.Option(help="'imagenet' for the real weights, downloaded, or a weights file of VGG16.")
    ] = "random",
    output: Annotated[Path, typer.Option(help="Folder for everything that it makes.")] = Path("shardscore-demo"),
) -> None:
    """Run everything once, offline, on pictures it draws itself; under two minutes on two cores."""
    with _exit_codes():
        complete = demo(weights, output, _console())
    raise typer.Exit(COMPLETE if complete else MISSING)


@app.command("bench")
def _bench(
    images: Annotated[str | None, typer.Option(help=f"Photos. {_IMAGES}  [default: drawn ones]")] = None,
    model: ModelName = VGG16_CATS_DOGS,
    weights: Annotated[
        str | None,
        typer.Option(help="VGG16 weights file, or 'imagenet'.  [default: random for VGG16: as fast as any]"),
    ] = None,
    labels: Annotated[str | None, typer.Option(help="cat,dog in class order.")] = None,
    num_images: Annotated[
        int | None, typer.Option(help="Images scored in each measurement.  [default: 192, or 8192 with a GPU]")
    ] = None,
    rounds: Annotated[int, typer.Option(help="How often all is measured; medians count.")] = BenchRequest.rounds,
    variant: Annotated[
        list[str] | None, typer.Option(help="Such as 'openvino int8'; repeatable.  [default: all that run here]")
    ] = None,
    json_path: Annotated[Path, typer.Option("--json", help="File for every run's figures.")] = BenchRequest.json_path,
    simulate_runs: Annotated[
        bool,
        typer.Option("--simulate", help="Estimate time and cost on 1, 8 and 1,000 GPUs instead, from --json if there."),
    ] = False,
    gpu_images_per_s: Annotated[
        float | None, typer.Option(help="With --simulate: the network alone on a GPU.  [default: an L4, assumed]")
    ] = None,
    cores_per_gpu: Annotated[float | None, typer.Option(help="With --simulate.  [default: 8]")] = None,
    gpu_price: Annotated[
        float | None, typer.Option(help="With --simulate: of a GPU and its cores for an hour.  [default: no cost]")
    ] = None,
    reads_per_s: Annotated[
        float | None, typer.Option(help="With --simulate: images the storage hands out.  [default: 5500, an S3 prefix]")
    ] = None,
    shard_size: Annotated[int | None, typer.Option(help="With --simulate.  [default: as score]")] = None,
) -> None:
    """Measure how close scoring comes to what this machine can do, and store the figures."""
    if model in (VGG16_IMAGENET, VGG16_CATS_DOGS):
        weights = None if weights == "imagenet" else weights or RANDOM_WEIGHTS
    request = ModelRequest(model, weights, labels, Precision.FLOAT32, keras_backend())
    with _exit_codes():
        photos = locate(images) if images else None
        figures = (gpu_images_per_s, cores_per_gpu, gpu_price, reads_per_s, shard_size)
        if simulate_runs:
            chosen = variant[-1] if variant else None
            simulate(SimulateRequest(request, photos, num_images, chosen, json_path, *figures), _console())
            return
        if any(figure is not None for figure in figures):
            raise RequestError(
                "--gpu-images-per-s, --cores-per-gpu, --gpu-price, --reads-per-s and --shard-size "
                "belong to --simulate. Add it, or leave them out."
            )
        bench(BenchRequest(request, photos, num_images, rounds, tuple(variant or ()), json_path), _console())


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    app()


if __name__ == "__main__":
    main()
