"""The options of `shardscore finetune`."""

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
    PathColumn,
    ResizeMode,
    WaitForNodes,
    Weights,
)
from jobs.console.terminal import terminal
from jobs.finetune.job import Augment, FinetuneRequest, Unfreeze, base_of, finetune
from jobs.score.images_request import ImagesRequest
from scoring.finetuning.features import FeatureRequest
from scoring.finetuning.fitting import HeadSettings
from scoring.networks.base_networks import VGG16
from scoring.networks.engines import keras_backend
from scoring.networks.precision import Precision
from scoring.pixels.decoding import Resize
from scoring.sources.table_images import TableColumns
from scoring.sources.targets import LabelsFrom
from scoring.storage.locations import locate

app = typer.Typer()


@app.command("finetune")
def _finetune(
    images: Annotated[str, typer.Option(help=f"Labelled photos. {IMAGES}")],
    output: Annotated[str, typer.Option(help="Model folder: new, or an earlier fine-tune to complete.")],
    labels_from: Annotated[LabelsFrom, typer.Option(help="Names like cat.123.jpg, or folders like cats/123.jpg.")] = (
        LabelsFrom.AUTO
    ),
    path_column: PathColumn = None,
    bytes_column: BytesColumn = None,
    id_column: IdColumn = None,
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
    with exit_codes():
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
            workers=WorkerRequest(actors, gpus_per_actor, cpus_per_actor, accelerator_type, wait_for_nodes),
            columns=TableColumns(path_column, bytes_column, id_column),
        )
        request = FinetuneRequest(
            locate(output), images_request, heads, ensemble, validation, seed, head_only, address, overwrite
        )
        complete = finetune(request, terminal())
    raise typer.Exit(COMPLETE if complete else MISSING)
