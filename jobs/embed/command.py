"""`shardscore embed`, and the same for Python.

    shardscore embed --images photos/ --model resnet50 --output runs/features

Reads images as `score` does. Leaves a run folder whose shards hold a vector for each image, and continues it as `score`
does.
"""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from jobs.console.arguments import checked
from jobs.console.commands import command
from jobs.console.places import PlaceWord, place
from jobs.console.terminal import console_for
from jobs.embed.options import (
    EmbeddingType,
    EngineName,
    PixelScale,
    Pooling,
    VectorPrecision,
    embedding_request,
)
from jobs.embed.result import Embeddings
from jobs.score.image_options import images_request
from jobs.score.job import run_score
from jobs.score.request import READ_TIMEOUT_S, ScoreRequest
from scoring.pixels.decoding import Resize
from scoring.sources.label_use import LabelUse
from scoring.sources.targets import LabelsFrom


@checked
def embed(
    *,
    images: PlaceWord,
    output: PlaceWord,
    model: str | Path | None = None,
    base: str | Path | None = None,
    weights: str | Path | None = None,
    features: str | None = None,
    pooling: str | Sequence[str] = Pooling.MEAN,
    dtype: EmbeddingType | str = EmbeddingType.FLOAT16,
    size: str | int | None = None,
    pixels: PixelScale | str | None = None,
    path_column: str | None = None,
    bytes_column: str | None = None,
    id_column: str | None = None,
    labels_from: LabelsFrom | str | None = None,
    resize: Resize | str | None = None,
    engine: EngineName | str = EngineName.KERAS,
    precision: VectorPrecision | str = VectorPrecision.AUTO,
    batch_size: int | str | None = None,
    shard_size: int | None = None,
    actors: int | None = None,
    gpus_per_actor: float | None = None,
    cpus_per_actor: float | None = None,
    accelerator_type: str | None = None,
    wait_for_nodes: float | None = None,
    shard_deadline: float | None = None,
    read_timeout: float = READ_TIMEOUT_S,
    address: str | None = None,
    overwrite: bool = False,
    verbose: bool | Console = False,
) -> Embeddings:
    """Turn each image into a vector of a network's features. Run again, it embeds what is missing.

    Args:
        images: Folder, .zip, .tar or x-{000..012}.tar, .parquet table; a path, s3://, gs:// or az://.
        output: Run folder: new, or an earlier run to complete. A path, s3://, gs:// or az://.
        model: What score takes: a classifier of keras.applications such as resnet50, a .keras file, a folder of
            finetune.
        base: In place of `model`, what finetune takes, such as vgg16-convolutions.
        weights: Weights file instead of the download; 'random' for a trial.
        features: Layer whose outputs are the vector; by default what its classes are computed of, or its own outputs.
        pooling: How maps become one vector, over all positions: mean, max, or both, mean,max. A layer that has a vector
            takes none.
        dtype: Number format of the stored vectors.
        size: Pixels where a .keras file leaves them open: 320, or 240x320 for height x width; by default 224.
        pixels: What a .keras file without preprocessing was trained on, by default 0..255; caffe and torch are Keras'
            modes.
        path_column: Column of a .parquet table with the images' paths; by default path.
        bytes_column: Column with the images themselves, such as image.bytes.
        id_column: Column with their ids.
        labels_from: Labelled photos: cat.123.jpg, or cats/123.jpg; fills the target column.
        resize: Squash to the network's shape, or crop the centre, 224/256 of the shortest side; by default a trained
            folder's, or squash.
        engine: What runs the network; openvino and mnn, for processors, are extras.
        precision: Number format of the network; auto takes the device's fastest.
        batch_size: Images per forward pass; by default 64 on a GPU, else 32 or 16; auto finds a GPU's fastest.
        shard_size: Images per file; by default 256, fewer for small jobs.
        actors: Processes that embed; by default one per GPU, or as many as fill the cores.
        gpus_per_actor: GPUs for each; a fraction shares one.
        cpus_per_actor: Cores for each.
        accelerator_type: Use only GPUs of this kind, by Ray's name: T4, A100; by default any.
        wait_for_nodes: Seconds to wait for a node with room; by default 900 if the cluster autoscales.
        shard_deadline: Seconds until an actor counts as hanging; by default ten times the longest shard and five reads.
        read_timeout: Seconds that reading one image may take; then it is an error row.
        address: Ray cluster to use; by default that of RAY_ADDRESS, or a Ray of its own.
        overwrite: Remove an earlier run in the folder first.
        verbose: Print what the command prints, or print it on this console. A notebook gets its progress bar anyway.

    Returns:
        The vectors, complete.

    Raises:
        RequestError: If the request makes no sense; nothing was embedded.
        IncompleteError: If shards are missing, or something that the run needs; they are named.
        PlacementError: If the cluster has not what is asked of it; the command exits with 2, as for RequestError.
        ClusterError: If Ray or its actors cannot start.
    """
    network = embedding_request(
        model=model,
        base=base,
        weights=weights,
        features=features,
        pooling=pooling,
        dtype=dtype,
        size=size,
        pixels=pixels,
        engine=engine,
        precision=precision,
    )
    photos = images_request(
        images,
        network,
        LabelUse(keeps_unlabelled=True),
        path_column=path_column,
        bytes_column=bytes_column,
        id_column=id_column,
        labels_from=labels_from,
        resize=resize,
        batch_size=batch_size,
        shard_size=shard_size,
        actors=actors,
        gpus_per_actor=gpus_per_actor,
        cpus_per_actor=cpus_per_actor,
        accelerator_type=accelerator_type,
        wait_for_nodes=wait_for_nodes,
        shard_deadline=shard_deadline,
        read_timeout=read_timeout,
    )
    run = run_score(ScoreRequest(place(output, "output"), photos, None, address, overwrite), console_for(verbose))
    assert run.summary is not None  # a run of images that did not raise has both
    assert run.fingerprint is not None
    return Embeddings(run.path, run.summary, run.fingerprint, run.digest)


_EXAMPLES = (
    "embed --images photos/ --model resnet50 --output runs/features",
    "embed --images s3://bucket/photos --base vgg16-convolutions --output s3://bucket/features",
)

app = command("embed", embed, examples=_EXAMPLES, for_machines=True)
