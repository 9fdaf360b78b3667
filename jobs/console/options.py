"""Options that more than one command has, with one help text for all."""

from typing import Annotated

import typer

from scoring.models.kinds import VGG16_CATS_DOGS, VGG16_IMAGENET
from scoring.pixels.decoding import Resize

Weights = Annotated[str | None, typer.Option(help="VGG16 weights file instead of the download; 'random' for a trial.")]
ResizeMode = Annotated[Resize, typer.Option(help="Squash to the square, or shortest side 256 and centre crop.")]
BatchSize = Annotated[int | None, typer.Option(help="Images per forward pass.  [default: 64 on GPU, 16 on CPU]")]
Actors = Annotated[int | None, typer.Option(help="Workers.  [default: one per GPU, or as many as fill the cores]")]
GpusPerActor = Annotated[float | None, typer.Option(help="GPUs for each; a fraction shares one.")]
CpusPerActor = Annotated[float | None, typer.Option(help="Cores for each.")]
AcceleratorType = Annotated[
    str | None, typer.Option(help="Use only GPUs of this kind, by Ray's name: T4, A100.  [default: any]")
]
WaitForNodes = Annotated[
    float | None,
    typer.Option(help="Seconds to wait for a node with room.  [default: 900 if the cluster autoscales]"),
]
Address = Annotated[str | None, typer.Option(help="Ray cluster to use.  [default: RAY_ADDRESS, or a Ray of its own]")]
ModelName = Annotated[
    str, typer.Option(help=f"{VGG16_IMAGENET}, {VGG16_CATS_DOGS}, or a .keras classifier with --labels.")
]
IMAGES = "Folder, .zip, .tar or x-{000..012}.tar, .parquet table; a path, s3:// or gs://."
PathColumn = Annotated[
    str | None, typer.Option(help="Column of a .parquet table with the images' paths.  [default: path]")
]
BytesColumn = Annotated[str | None, typer.Option(help="Column with the images themselves, such as image.bytes.")]
IdColumn = Annotated[str | None, typer.Option(help="Column with their ids.")]
