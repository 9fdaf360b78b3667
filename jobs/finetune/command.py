"""`shardscore finetune`, and the same for Python."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from jobs.console.arguments import checked, seed_of
from jobs.console.commands import command
from jobs.console.places import PlaceWord, place
from jobs.console.terminal import console_for
from jobs.finetune.job import run_finetune
from jobs.finetune.presets import FeatureOptions, HeadOptions, Preset, recipe_of
from jobs.finetune.request import Augment, FinetuneRequest, Unfreeze
from jobs.finetune.result import Model
from jobs.score.image_options import images_request
from jobs.score.model_options import EngineName, PixelScale, Precision
from jobs.score.request import READ_TIMEOUT_S
from scoring.models.trained_heads import HeadKind
from scoring.pixels.decoding import Resize
from scoring.sources.targets import LabelsFrom


@checked
def finetune(
    *,
    images: PlaceWord,
    output: PlaceWord,
    labels_from: LabelsFrom | str = LabelsFrom.AUTO,
    labels_file: PlaceWord | None = None,
    label_column: str | None = None,
    path_column: str | None = None,
    bytes_column: str | None = None,
    id_column: str | None = None,
    group_column: str | None = None,
    preset: Preset | str | None = None,
    base: Sequence[str | Path] | str | Path | None = None,
    weights: Sequence[str | Path] | str | Path | None = None,
    features: str | None = None,
    pooling: str | Sequence[str] | None = None,
    size: str | int | Sequence[str | int] | None = None,
    pixels: Sequence[PixelScale | str] | str | None = None,
    unfreeze: Unfreeze | str | None = None,
    augment: Augment | str | None = None,
    head: HeadKind | str | None = None,
    folds: int | None = None,
    ensemble: int | None = None,
    validation: int | None = None,
    seed: int = 0,
    dropout: float | None = None,
    learning_rate: float | None = None,
    epochs: int | None = None,
    head_only: bool = False,
    resize: Resize | str = Resize.SQUASH,
    engine: EngineName | str = EngineName.KERAS,
    precision: Precision | str = Precision.AUTO,
    batch_size: int | str | None = None,
    shard_size: int | None = None,
    actors: int | None = None,
    gpus_per_actor: float | None = None,
    cpus_per_actor: float | None = None,
    accelerator_type: str | None = None,
    wait_for_nodes: float | None = None,
    read_timeout: float = READ_TIMEOUT_S,
    address: str | None = None,
    overwrite: bool = False,
    verbose: bool | Console = False,
) -> Model:
    """Fine-tune a model on labelled photos in one pass. Run again, it continues where it stopped.

    Args:
        images: Labelled photos: folder, .zip, bundle.zip/train, .tar or x-{000..012}.tar, .parquet table; a path,
            s3://, gs:// or az://.
        output: Model folder: new, or an earlier fine-tune to complete; other files in it stay.
        labels_from: Names like cat.123.jpg, or folders like cats/123.jpg.
        labels_file: A file with the labels instead, as competitions have it: train.csv, bundle.zip/train.csv, .parquet.
        label_column: Its column of labels, or that of a .parquet table of images; by default found by its name.
        path_column: Column of a .parquet table with the images' paths; by default path.
        bytes_column: Column with the images themselves, such as image.bytes.
        id_column: Column with their ids, of the table and of `labels_file`: in a file of labels by default found by its
            name and values.
        group_column: Column beside the labels of what photos have in common, such as patient_id: those of one group are
            all trained on or all validated on.
        preset: What the other options are by default: fast, best (four times the work), or lesson, as fast.ai did; by
            default lesson where an option of its heads is given, else fast.
        base: vgg16, vgg16-convolutions (59 MB instead of 528), any classifier of keras.applications such as resnet50,
            or a .keras model, also hf:// or kaggle://; by default the preset's. Repeatable: features side by side.
        weights: Weights file instead of the download; 'random' for a trial. Of several bases in their order.
        features: Layer whose outputs the head sees; by default block5_conv3, fc2 in the lesson, or below the classes.
        pooling: How positions become a vector: mean, max, centre, or several, mean,max; by default the preset's. What
            is a vector already gets its signed square roots alone, at length one from 64 values on.
        size: Pixels a side of what the base sees, such as 320; several views at once, 448,224; by default the preset's,
            or those of a base that takes no other.
        pixels: What a .keras base without preprocessing was trained on, by default 0..255; caffe and torch are Keras'
            modes. Of several .keras bases in their order.
        unfreeze: Train VGG16's two dense layers as well; by default none.
        augment: Use mirror images too, in training and in scoring; by default the preset's.
        head: rbf (radial basis functions that choose their regularisation) or softmax (Adam); by default the preset's.
        folds: Parts of the photos, each validated by a head trained on the others, three times with rbf heads; 0 keeps
            photos out instead, for softmax heads. By default 5, in the lesson 0.
        ensemble: Heads of the lesson to train and average; by default 1.
        validation: Photos kept out of training; without folds 2000 by default, or a fifth of fewer than 10000.
        seed: Decides split, initial weights, order and dropout.
        dropout: Share of features left out in each batch, 0 to below 1; softmax heads; by default 0.5.
        learning_rate: Learning rate of Adam; softmax heads; by default 0.003.
        epochs: Largest number of epochs; training stops earlier when it no longer helps; softmax heads; by default 100.
        head_only: Keep the head without its base network.
        resize: Squash to the network's shape, or crop the centre, 224/256 of the shortest side.
        engine: What runs the base network; openvino and mnn, for processors, are extras.
        precision: Number format of the base network.
        batch_size: Images per forward pass; by default 64 on a GPU, else 32 or 16; auto finds a GPU's fastest.
        shard_size: Images per features file; by default 256, fewer for small jobs.
        actors: Processes that extract features; by default one per GPU, or as many as fill the cores.
        gpus_per_actor: GPUs for each; a fraction shares one.
        cpus_per_actor: Cores for each.
        accelerator_type: Use only GPUs of this kind, by Ray's name: T4, A100; by default any.
        wait_for_nodes: Seconds to wait for a node with room; by default 900 if the cluster autoscales.
        read_timeout: Seconds that reading one image may take; then it is left out.
        address: Ray cluster to use; by default that of RAY_ADDRESS, or a Ray of its own.
        overwrite: Remove an earlier fine-tune in the folder first.
        verbose: Print what the command prints, or print it on this console. A notebook gets its progress bar anyway.

    Returns:
        The model, whole.

    Raises:
        RequestError: If the request makes no sense; nothing was trained.
        IncompleteError: If features or heads are missing, or something that they need; they are named.
        PlacementError: If the cluster has not what is asked of it; the command exits with 2, as for RequestError.
        ClusterError: If Ray or its actors cannot start.
    """
    told = HeadOptions(head, unfreeze, ensemble, dropout, learning_rate, epochs)
    recipe = recipe_of(preset, told.are_of_lesson)
    heads = told.settings(recipe)
    options = FeatureOptions(base, weights, features, pooling, size, augment, precision, engine, pixels)
    photos = images_request(
        images,
        options.request(recipe, heads.unfreeze_dense),
        path_column=path_column,
        bytes_column=bytes_column,
        id_column=id_column,
        labels_from=labels_from,
        labels_file=labels_file,
        label_column=label_column,
        group_column=group_column,
        resize=resize,
        batch_size=batch_size,
        shard_size=shard_size,
        actors=actors,
        gpus_per_actor=gpus_per_actor,
        cpus_per_actor=cpus_per_actor,
        accelerator_type=accelerator_type,
        wait_for_nodes=wait_for_nodes,
        read_timeout=read_timeout,
    )
    num_folds = recipe.folds if folds is None else folds
    request = FinetuneRequest(
        place(output, "output"),
        photos,
        heads,
        1 if ensemble is None else ensemble,
        validation,
        seed_of(seed),
        head_only,
        address,
        overwrite,
        num_folds,
        recipe.draws if num_folds and heads.kind is HeadKind.RBF else 1,
        are_folds_told=folds is not None,
    )
    return run_finetune(request, console_for(verbose))


_EXAMPLES = (
    "finetune --images bundle.zip/train.zip --output models/dogs-vs-cats",
    "finetune --images bundle.zip/train --labels-file bundle.zip/train.csv --output models/leaves",
)

app = command("finetune", finetune, examples=_EXAMPLES, for_machines=True)
