"""The looks of fast.ai's lesson: right and wrong at random, the most confident of each, and the most uncertain."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.errors import ImagesError
from scoring.pixels.decoding import Resize
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.report.parts import Block, Look, Prose, Tile
from scoring.report.rows import LEAST_OF_A_LABEL, ScoredRows
from scoring.report.text import NONE_OF_THEM, confidence, count, shorten
from scoring.report.thumbnails import draw_thumbnails
from scoring.run.manifest import MANIFEST_SCHEMA, Manifest
from scoring.run.wording import plural
from scoring.sources.entries import ImageEntry
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage.locations import Location, readable
from scoring.storage.redaction import visible

_IMAGES_PER_LOOK = 12
_MAX_CLASSES = 10  # that get looks of their own
_SEED = 0
_NAME_LENGTH = 60  # characters of a file name shown
_SAYS_WHERE = "report's option images"  # a page is the same, whether a command wrote it or Python
_MAX_SAID = 5  # labels of one image that are named

_Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Album:
    """Where the images of a report lie.

    Attributes:
        images: The collection.
        resize: How the network saw them.
        manifest: The list that knows where in a tar or a table they are, which names are not UTF-8, and what tells
            their contents; None if there is none.
        columns: Which columns of a table are the images.
        input_shape: The pixels that the network took, as a fingerprint has them.
        shards: The manifest's shard that each file of predictions is of; None if one file is of all.
        is_moved: Whether the user has named another place than that where they were listed: sizes tell contents there,
            and stamps do not.
        problem: Why no picture can be shown; None if nothing is known against it.
    """

    images: Location
    resize: Resize
    manifest: Location | None
    columns: TableColumns = NO_COLUMNS
    input_shape: str = str(DEFAULT_SHAPE)
    shards: Sequence[int] | None = None
    is_moved: bool = False
    problem: str | None = None

    def name_of(self, image: ImageEntry) -> str:
        """What people know an image by."""
        return image.image_id if self.columns.are_known_by_id else image.written

    @property
    def shape(self) -> InputShape:
        """The same, by its parts."""
        return InputShape.parse(self.input_shape)


@dataclass(frozen=True)
class _Choice:
    """A look before its images are read: row numbers into `ScoredRows.numbers`."""

    title: str
    note: str
    rows: _Indices


def look_blocks(rows: ScoredRows, labels: Sequence[str], album: Album) -> list[Block]:
    """Choose images, always the same of the same rows, and draw them.

    Args:
        rows: What the model said; at least one image.
        labels: One name per class, in class order.
        album: Where the images lie.
    """
    choices = list(_labelled_choices(rows, labels) if rows.is_labelled else _bare_choices(rows, labels))
    chosen = np.unique(np.concatenate([choice.rows for choice in choices]))
    images = find_pictures(rows, chosen, album)
    thumbnails, problem = draw_pictures(album, list(images.values()))
    blocks: list[Block] = [Prose(how_seen(album))] if thumbnails else []
    if problem:
        blocks.append(Prose(problem))
    if left_out := len(_classes(rows, labels)[_MAX_CLASSES:]):
        blocks.append(
            Prose(
                f"The {_MAX_CLASSES} labels given most often have looks of their own; {left_out} "
                f"{'other has' if left_out == 1 else 'others have'} none."
            )
        )
    for choice in choices:
        shown = [(int(row), images[int(row)]) for row in choice.rows]
        tiles = [picture_tile(rows, row, labels, album.name_of(image), thumbnails.get(image)) for row, image in shown]
        blocks.append(Look(choice.title, choice.note, tiles))
    return blocks


def how_seen(album: Album) -> str:
    """What became of pictures before the network saw them, and is shown."""
    height, width = album.shape.size
    form = "square" if height == width else f"rectangle of {height} x {width} (height x width)"
    became = f"squashed to a {form}" if album.resize is Resize.SQUASH else f"the {form} in their middle"
    grey = ", in grey" if album.shape.channels == 1 else ""
    return f"Pictures are shown as the network saw them: {became}{grey}."


def _labelled_choices(rows: ScoredRows, labels: Sequence[str]) -> Iterator[_Choice]:
    predicted, truth = rows.column("predicted"), rows.column("truth")
    is_right, is_wrong = predicted == truth, (predicted != truth) & (truth >= 0)
    draw = np.random.default_rng(_SEED)
    yield _Choice("Right, at random", _of(is_right), _some(is_right, draw))
    yield _Choice("Wrong, at random", _of(is_wrong), _some(is_wrong, draw))
    for index in _classes(rows, labels)[:_MAX_CLASSES]:
        name = visible(shorten(labels[index], _NAME_LENGTH))
        for mask, word in ((is_right, "right"), (is_wrong, "wrong")):
            of_class = mask & (predicted == index)
            yield _Choice(f"Most confident {name}, {word}", _of(of_class), _most_confident(rows, index, of_class))
    yield _most_uncertain(rows)


def _bare_choices(rows: ScoredRows, labels: Sequence[str]) -> Iterator[_Choice]:
    everything = np.ones(len(rows.numbers), dtype=bool)
    draw = np.random.default_rng(_SEED)
    yield _Choice("At random", _of(everything), _some(everything, draw))
    for index in _classes(rows, labels)[:_MAX_CLASSES]:
        name = visible(shorten(labels[index], _NAME_LENGTH))
        of_class = rows.has(index)
        yield _Choice(f"Most confident {name}", _of(of_class), _most_confident(rows, index, of_class))
    yield _most_uncertain(rows)


def _classes(rows: ScoredRows, labels: Sequence[str]) -> list[int]:
    """Classes in class order if few, else those that were said, the most frequent first."""
    if len(labels) <= _MAX_CLASSES:
        return list(range(len(labels)))
    said = rows.num_having(len(labels))
    return [int(index) for index in np.argsort(-said, kind="stable") if said[index]]


def _of(mask: npt.NDArray[np.bool_]) -> str:
    """How many images a look was chosen from."""
    found = int(mask.sum())
    return f"{min(found, _IMAGES_PER_LOOK)} of {plural(found, 'image')}" if found else "No such image."


def _some(mask: npt.NDArray[np.bool_], draw: np.random.Generator) -> _Indices:
    found = np.flatnonzero(mask)
    return np.sort(draw.choice(found, min(len(found), _IMAGES_PER_LOOK), replace=False))


def _most_confident(rows: ScoredRows, label: int, mask: npt.NDArray[np.bool_]) -> _Indices:
    found = np.flatnonzero(mask)
    order = np.argsort(-rows.probability_of(label)[found], kind="stable")
    return found[order[:_IMAGES_PER_LOOK]]


def _most_uncertain(rows: ScoredRows) -> _Choice:
    order = np.argsort(rows.sureness, kind="stable")
    lowest = "Whose most likely label has the lowest probability"
    note = lowest if rows.by_label is None else "Which have a label nearest to 50%"
    return _Choice("Most uncertain", note, order[:_IMAGES_PER_LOOK].astype(np.int64))


def find_pictures(rows: ScoredRows, chosen: _Indices, album: Album) -> dict[int, ImageEntry]:
    """Each chosen row's image, as the manifest has it; without one, by the path in its predictions file."""
    images: dict[int, ImageEntry] = {}
    places = rows.numbers.iloc[chosen]
    manifest = Manifest(album.manifest) if album.manifest else None
    for file_index in sorted(set(places["file"])):
        group = places[places["file"] == file_index]
        table = pq.read_table(
            readable(rows.files[file_index]), columns=["image_id", "path"], page_checksum_verification=True
        )
        named = table.take(pa.array(group["row"].to_numpy()))
        shard = None if album.shards is None else album.shards[file_index]
        listed = _listed(manifest, shard, named["image_id"]) if manifest else {}
        for row, one in zip(map(int, group.index), named.to_pylist(), strict=True):
            images[row] = listed.get(one["image_id"]) or ImageEntry(size_bytes=0, **one)
    if album.is_moved:
        images = {row: replace(image, stamp=None) for row, image in images.items()}
    return dict(sorted(images.items()))


def _listed(manifest: Manifest, shard: int | None, image_ids: pa.ChunkedArray) -> dict[str, ImageEntry]:
    """What the manifest says of these images, which are of one shard; None looks through all."""
    first, end = (0, manifest.info.num_shards) if shard is None else (shard, shard + 1)
    table = manifest.describe_several(first, end, MANIFEST_SCHEMA.names)
    found = table.filter(pc.is_in(table["image_id"], value_set=image_ids.combine_chunks()))
    return {row["image_id"]: ImageEntry(**row) for row in found.to_pylist()}


def draw_pictures(album: Album, images: Sequence[ImageEntry]) -> tuple[Mapping[ImageEntry, str], str | None]:
    """The thumbnails, and in words what is not shown, and why; None if all is.

    Raises:
        ImagesError: If the place that the user has named holds no images.
    """
    if album.problem:
        return {}, f"No pictures. {album.problem}"
    moved = f"If they were moved, say where with {_SAYS_WHERE}."
    try:
        drawn = draw_thumbnails(album.images, images, album.resize, album.columns, album.shape)
    except ImagesError as error:
        if album.is_moved:
            raise
        return {}, f"No pictures. {error} {moved}"
    num_images, told = len(set(images)), []
    if drawn.num_changed:
        told.append(
            f"Not shown, as they have changed since the model saw them: {count(drawn.num_changed)} of "
            f"{plural(num_images, 'image')}. If they were merely copied or moved, say where with {_SAYS_WHERE}: "
            "then only their sizes are compared."
        )
    if drawn.num_lost:
        lost = (
            f"Not shown, as they are gone or cannot be read: {count(drawn.num_lost)} of {plural(num_images, 'image')}."
        )
        told.append(lost if drawn.uris else f"{lost} {moved}")
    return drawn.uris, " ".join(told) or None


def picture_tile(rows: ScoredRows, row: int, labels: Sequence[str], name: str, picture: str | None) -> Tile:
    """One image, what the model says of it, and its true label where that is another."""
    numbers = rows.numbers.iloc[row]
    name = shorten(visible(name), _NAME_LENGTH)
    truth, said = int(numbers["truth"]), _said(rows, row, labels)
    other = labels[truth] if truth >= 0 and truth != int(numbers["predicted"]) else None
    alt = f"{name}: {said}, is {other}" if other else f"{name}: {said}"
    return Tile(name, said, other, picture, alt)


def _said(rows: ScoredRows, row: int, labels: Sequence[str]) -> str:
    """The label of an image; where labels stand by themselves all that it has, with the likeliest of the others."""
    if rows.by_label is None:
        numbers = rows.numbers.iloc[row]
        return f"{labels[int(numbers['predicted'])]} {confidence(float(numbers['probability']))}"
    said = rows.by_label[row]
    ranked = [f"{labels[index]} {confidence(float(said[index]))}" for index in np.argsort(-said, kind="stable")]
    num_had = int((said >= LEAST_OF_A_LABEL).sum())
    had = ", ".join(ranked[: min(num_had, _MAX_SAID)]) or NONE_OF_THEM
    more = f" and {num_had - _MAX_SAID} more" if num_had > _MAX_SAID else ""
    return f"{had}{more} ({ranked[num_had]})" if num_had < len(ranked) else f"{had}{more}"
