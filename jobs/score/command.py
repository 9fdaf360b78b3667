"""`shardscore score`, and the same for Python."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from jobs.console.arguments import checked, seed_of
from jobs.console.commands import command
from jobs.console.places import PlaceWord, here, place, text_of
from jobs.console.terminal import console_for
from jobs.score.image_options import images_request
from jobs.score.job import run_score
from jobs.score.model_options import (
    VGG16_CATS_DOGS,
    EngineName,
    Labels,
    OutputMeaning,
    PixelScale,
    Precision,
    StoreProbabilities,
    model_request,
)
from jobs.score.plan import plan_score
from jobs.score.request import READ_TIMEOUT_S, ScoreRequest, SonarRequest
from jobs.score.result import Run
from scoring.errors import RequestError
from scoring.pixels.decoding import Resize
from scoring.sonar.whole_results import trained_model
from scoring.sources.label_use import LabelUse
from scoring.sources.targets import LabelsFrom


@checked
def score(
    *,
    output: PlaceWord,
    images: PlaceWord | None = None,
    sonar: str | Path | None = None,
    model: str | Path = VGG16_CATS_DOGS,
    weights: str | Path | None = None,
    labels: Labels = None,
    outputs: OutputMeaning | str | None = None,
    output_name: str | None = None,
    size: str | int | None = None,
    pixels: PixelScale | str | None = None,
    store_probabilities: StoreProbabilities | str = StoreProbabilities.FEW,
    path_column: str | None = None,
    bytes_column: str | None = None,
    id_column: str | None = None,
    labels_from: LabelsFrom | str | None = None,
    labels_file: PlaceWord | None = None,
    label_column: str | None = None,
    resize: Resize | str | None = None,
    engine: EngineName | str = EngineName.KERAS,
    precision: Precision | str = Precision.AUTO,
    batch_size: int | str | None = None,
    shard_size: int | None = None,
    actors: int | None = None,
    gpus_per_actor: float | None = None,
    cpus_per_actor: float | None = None,
    accelerator_type: str | None = None,
    wait_for_nodes: float | None = None,
    shard_deadline: float | None = None,
    read_timeout: float = READ_TIMEOUT_S,
    sonar_model: PlaceWord | None = None,
    seed: int = 0,
    address: str | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    verbose: bool | Console = False,
) -> Run:
    """Score images, and optionally sonar returns. Run again, it scores what is missing.

    Args:
        output: Run folder: new, or an earlier run to complete. A path, s3://, gs:// or az://.
        images: Folder, .zip, bundle.zip/test.zip, .tar or x-{000..012}.tar, .parquet table; a path, s3://, gs:// or az://.
        sonar: Sonar returns in UCI's format: a file, or 'uci'.
        model: vgg16-cats-dogs, vgg16-imagenet, any classifier of keras.applications such as resnet50 or
            resnet50-cats-dogs, a folder of finetune, or a .keras classifier with `labels`, also hf:// or kaggle://.
        weights: Weights file instead of the download; 'random' for a trial.
        labels: cat,dog in class order, or a file: a name a line, a JSON list or map; for ImageNet's classes an
            imagenet_class_index.json.
        outputs: What the outputs of a .keras file mean, if its last layer does not show it.
        output_name: Which of several outputs of a .keras file.
        size: Pixels where a .keras file leaves them open: 320, or 240x320 for height x width; by default 224.
        pixels: What a .keras file without preprocessing was trained on, by default 0..255; caffe and torch are Keras'
            modes.
        store_probabilities: all, or few: all of at most 32 classes, otherwise the five most likely.
        path_column: Column of a .parquet table with the images' paths; by default path.
        bytes_column: Column with the images themselves, such as image.bytes.
        id_column: Column with their ids, of the table and of `labels_file`: in a file of labels by default found by its
            name and values.
        labels_from: Labelled photos: cat.123.jpg, or cats/123.jpg; fills the target column.
        labels_file: A file with the labels instead, as competitions have it: train.csv, bundle.zip/train.csv, .parquet.
        label_column: Its column of labels, or that of a .parquet table of images; by default found by its name.
        resize: Squash to the network's shape, or crop the centre, 224/256 of the shortest side; by default a trained
            folder's, or squash.
        engine: What runs the network; openvino and mnn, for processors, are extras.
        precision: Number format of the network; auto takes the device's fastest but int8.
        batch_size: Images per forward pass; by default 64 on a GPU, else 32 or 16; auto finds a GPU's fastest.
        shard_size: Images per predictions file; by default 256, fewer for small jobs.
        actors: Processes that score; by default one per GPU, or as many as fill the cores.
        gpus_per_actor: GPUs for each; a fraction shares one.
        cpus_per_actor: Cores for each.
        accelerator_type: Use only GPUs of this kind, by Ray's name: T4, A100; by default any.
        wait_for_nodes: Seconds to wait for a node with room; by default 900 if the cluster autoscales.
        shard_deadline: Seconds until an actor counts as hanging; by default ten times the longest shard and five reads.
        read_timeout: Seconds that reading one image may take; then it is an error row.
        sonar_model: Score the returns with this trained model, or that of a folder of sonar, instead of training one.
        seed: Decides the split and the initial weights of sonar, where a network is trained.
        address: Ray cluster to use; by default that of RAY_ADDRESS, or a Ray of its own.
        overwrite: Remove an earlier run in the folder first.
        dry_run: Write nothing: show what would be scored, on which devices, and how long it would take.
        verbose: Print what the command prints, or print it on this console. A notebook gets its progress bar anyway.

    Returns:
        The run, complete; of a dry run its plan.

    Raises:
        RequestError: If the request makes no sense; nothing was scored.
        IncompleteError: If shards are missing, or something that the run needs; they are named.
        PlacementError: If the cluster has not what is asked of it; the command exits with 2, as for RequestError.
        ClusterError: If Ray or its actors cannot start.
    """
    _check_halves(locals())
    photos = None
    if images is not None:
        photos = images_request(
            images,
            model_request(
                model,
                weights=weights,
                labels=labels,
                outputs=outputs,
                output_name=output_name,
                size=size,
                pixels=pixels,
                store_probabilities=store_probabilities,
                engine=engine,
                precision=precision,
            ),
            LabelUse(keeps_unlabelled=True, takes_several=outputs == OutputMeaning.MULTI_LABEL),
            path_column=path_column,
            bytes_column=bytes_column,
            id_column=id_column,
            labels_from=labels_from,
            labels_file=labels_file,
            label_column=label_column,
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
    returns = None if sonar is None else _sonar_request(sonar, sonar_model, seed)
    request = ScoreRequest(place(output, "output"), photos, returns, address, overwrite)
    if dry_run:
        return Run(request.output.absolute(), None, None, plan_score(request, console_for(verbose)))
    return run_score(request, console_for(verbose))


def _sonar_request(sonar: str | Path, sonar_model: PlaceWord | None, seed: int) -> SonarRequest:
    trained = None if sonar_model is None else trained_model(here(sonar_model, "sonar_model"))
    return SonarRequest(text_of(sonar), trained, seed_of(seed))


def _by_keyword(function: Callable[..., object]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]


_OF_HALF = {
    "images": (
        *("model", *_by_keyword(model_request)),
        *(name for name in _by_keyword(images_request) if name != "group_column"),  # which `finetune` alone has
    ),
    "sonar": ("sonar_model", "seed"),
}


def _check_halves(options: Mapping[str, object]) -> None:
    """Refuse what is said of images, of sonar returns or of training, where there is none: it would be left out."""
    defaults = {name: each.default for name, each in inspect.signature(score).parameters.items()}
    for half, fields in _OF_HALF.items():
        given = [field for field in fields if options[half] is None and options[field] != defaults[field]]
        if given:
            raise RequestError(f"`{given[0]}` goes with `{half}`; there is none. Add `{half}`, or leave it out.")
    if options["sonar_model"] is not None and options["seed"] != defaults["seed"]:
        raise RequestError("`seed` decides how a network is trained; with `sonar_model` none is. Leave one out.")


_EXAMPLES = (
    "score --images bundle.zip/test.zip --model models/dogs-vs-cats --output runs/test",
    "score --images photos/ --model resnet50 --output runs/photos --dry-run",
)

app = command(
    "score", score, examples=_EXAMPLES, for_machines=True, is_result_printed=lambda options: options["dry_run"]
)
