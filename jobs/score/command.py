"""The options of `shardscore score`."""

from pathlib import Path
from typing import Annotated

import typer

from cluster.placement import WorkerRequest
from jobs.console.exit_codes import COMPLETE, MISSING, exit_codes
from jobs.console.options import (
    IMAGES,
    AcceleratorType,
    Actors,
    Address,
    BatchSize,
    BytesColumn,
    CpusPerActor,
    GpusPerActor,
    IdColumn,
    ModelName,
    PathColumn,
    ResizeMode,
    WaitForNodes,
    Weights,
)
from jobs.console.terminal import terminal
from jobs.score.images_request import ImagesRequest
from jobs.score.job import ScoreRequest, score
from jobs.score.sonar_job import SonarRequest
from scoring.models.classifiers import VGG16_CATS_DOGS, VGG16_IMAGENET, ModelRequest
from scoring.networks.engines import EngineName, keras_backend
from scoring.networks.precision import Precision
from scoring.pixels.decoding import Resize
from scoring.sources.table_images import TableColumns
from scoring.sources.targets import LabelsFrom
from scoring.storage.locations import locate

app = typer.Typer()


@app.command("score")
def _score(
    output: Annotated[
        str, typer.Option(help="Run folder: new, or an earlier run to complete. A path, s3:// or gs://.")
    ],
    images: Annotated[str | None, typer.Option(help=IMAGES)] = None,
    sonar: Annotated[str | None, typer.Option(help="Sonar returns in UCI's format: a file, or 'uci'.")] = None,
    model: ModelName = VGG16_CATS_DOGS,
    weights: Weights = None,
    labels: Annotated[
        str | None, typer.Option(help=f"cat,dog in class order; for {VGG16_IMAGENET} an imagenet_class_index.json.")
    ] = None,
    path_column: PathColumn = None,
    bytes_column: BytesColumn = None,
    id_column: IdColumn = None,
    labels_from: Annotated[
        LabelsFrom | None, typer.Option(help="Labelled photos: cat.123.jpg, or cats/123.jpg; fills the target column.")
    ] = None,
    resize: ResizeMode = Resize.SQUASH,
    engine: Annotated[
        EngineName, typer.Option(help="What runs the network; openvino and mnn, for processors, are extras.")
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
    with exit_codes():
        images_request = None
        if images is not None:
            images_request = ImagesRequest(
                images=locate(images),
                model=ModelRequest(model, weights, labels, precision, backend, engine),
                labels_from=labels_from,
                resize=resize,
                batch_size=batch_size,
                shard_size=shard_size,
                workers=WorkerRequest(actors, gpus_per_actor, cpus_per_actor, accelerator_type, wait_for_nodes),
                shard_deadline_s=shard_deadline,
                columns=TableColumns(path_column, bytes_column, id_column),
            )
        complete = score(ScoreRequest(locate(output), images_request, sonar_request, address, overwrite), terminal())
    raise typer.Exit(COMPLETE if complete else MISSING)
