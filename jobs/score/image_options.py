"""What users say of images, their labels and the work on them, and the request that it becomes."""

from dataclasses import replace

from cluster.placement import WorkerRequest
from jobs.console.arguments import AUTO, choice, number_or_auto
from jobs.console.places import PlaceWord, place
from jobs.score.request import READ_TIMEOUT_S, ImagesRequest
from scoring.models.shard_model import ShardModelRequest
from scoring.pixels.decoding import Resize
from scoring.sources.inputs import has_column
from scoring.sources.label_use import TRAINING, LabelUse
from scoring.sources.table_columns import LabelsFile, TableColumns
from scoring.sources.targets import LabelsFrom
from scoring.storage.locations import Location


def images_request(
    images: PlaceWord,
    model: ShardModelRequest,
    label_use: LabelUse = TRAINING,
    *,
    path_column: str | None,
    bytes_column: str | None,
    id_column: str | None,
    labels_from: LabelsFrom | str | None,
    labels_file: PlaceWord | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    resize: Resize | str | None,
    batch_size: int | str | None,
    shard_size: int | None,
    actors: int | None,
    gpus_per_actor: float | None,
    cpus_per_actor: float | None,
    accelerator_type: str | None,
    wait_for_nodes: float | None,
    shard_deadline: float | None = None,
    read_timeout: float = READ_TIMEOUT_S,
) -> ImagesRequest:
    """Gather what is said of images; what comes by keyword is named after its option.

    Raises:
        RequestError: If one of them is no word for its field.
        ImagesError: If what lies at `images` cannot be read.
    """
    collection = place(images, "images")
    columns, labels = columns_and_labels(
        collection, path_column, bytes_column, id_column, labels_file, label_column, group_column
    )
    return ImagesRequest(
        images=collection,
        model=model,
        labels_from=None if labels_from is None else choice(labels_from, LabelsFrom, "labels_from"),
        resize=None if resize is None else choice(resize, Resize, "resize"),
        batch_size=number_or_auto(batch_size, "batch_size"),
        finds_batch_size=batch_size == AUTO,
        shard_size=shard_size,
        workers=WorkerRequest(actors, gpus_per_actor, cpus_per_actor, accelerator_type, wait_for_nodes),
        shard_deadline_s=shard_deadline,
        columns=columns,
        labels_file=labels,
        read_timeout_s=read_timeout,
        label_use=label_use,
    )


def columns_and_labels(
    images: Location,
    path_column: str | None,
    bytes_column: str | None,
    id_column: str | None,
    labels_file: PlaceWord | None,
    label_column: str | None,
    group_column: str | None = None,
) -> tuple[TableColumns, LabelsFile | None]:
    """The columns of a table of images, and the file of labels if there is one.

    Then ids and labels are its columns; a column of ids that a table of images has too is both.

    Raises:
        ImagesError: If what lies at `images` cannot be read.
    """
    if labels_file is None:
        return TableColumns(path_column, bytes_column, id_column, label_column, group_column), None
    columns = TableColumns(path_column, bytes_column)
    if id_column and has_column(images, columns, id_column):
        columns = replace(columns, image_id=id_column)
    return columns, LabelsFile(place(labels_file, "labels_file"), id_column, label_column, group_column)
