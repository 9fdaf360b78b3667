"""Columns beside labels that say which photos belong together, as those of one patient do."""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

from scoring.errors import RequestError
from scoring.sources.entries import ImageEntry
from scoring.sources.labels_file import tidy_labels
from scoring.sources.other_columns import EMPTY, OtherColumns
from scoring.sources.split_columns import refuse_test_rows
from scoring.sources.splits import find_splits

# What such columns are called, in letters and digits alone. It tells nothing of how photos are divided: only a hint
# goes by it. What may as well be a source of photos counts as an id alone: `study_id`.
_GROUP = re.compile(
    r"(anon\w*)?((patient|subject|lesion|individual|participant|donor|driver|person|animal|case|group)s?"
    r"(id|ids|uid|no|nr|num|number|code|name|key)?"
    r"|(study|series|session|specimen|sequence|video|scan)(instance)?(id|uid|no|nr|num|number))"
)
_LEAST_SHARED = 0.25  # of all photos; of those of HAM10000, by their lesions, it is 0.45
_LEAST_GROUPS = 5  # of fewer, as of arms of a trial, it would be too often not what is meant


class Beside(NamedTuple):
    """What columns beside the labels say of photos to train on.

    Attributes:
        groups: What the photo of each row has in common with others, by its id; nothing of a row without it.
        told: What the user may have meant otherwise, in words.
    """

    groups: Mapping[Hashable, str] = {}
    told: tuple[str, ...] = ()


def read_beside(
    columns: OtherColumns,
    labels: Mapping[Any, str],
    photos: Mapping[Any, ImageEntry],
    name: str,
    group_column: str | None,
) -> Beside:
    """Read the column of groups, if one is named; and what the others may say.

    Args:
        columns: The columns beside ids and labels.
        labels: The label of each row, by its id.
        photos: The photo of each.
        name: What to call their file.
        group_column: The column that says which photos belong together; None for none.

    Raises:
        RequestError: If it says two things of one photo, or the same of no two; see also `refuse_test_rows`.
    """
    groups = _read_groups(columns, group_column, name) if group_column else {}
    of_groups = None if group_column else _told_of_groups(columns, labels, photos, name)
    return Beside(groups, (*refuse_test_rows(columns, labels, photos, name), *filter(None, [of_groups])))


def _read_groups(columns: OtherColumns, column: str, name: str) -> Mapping[Hashable, str]:
    """The groups by their column; refused where they are none."""
    rows = columns.read(column)
    groups: dict[Hashable, str] = {}
    for (one, _), group in zip(rows, tidy_labels([value for _, value in rows]), strict=True):
        if group.casefold() not in EMPTY and group and groups.setdefault(one, group) != group:
            raise RequestError(
                f"Expected one value of {column!r} for each photo in {name}; {one!r} has {groups[one]!r} and {group!r}."
            )
    if len({*groups.values()}) == len(groups):
        raise RequestError(
            f"Expected photos that share a value of {column!r} in {name}; no two do. Name another `group_column`, or "
            "leave it out."
        )
    return groups


def _told_of_groups(
    columns: OtherColumns, labels: Mapping[Any, str], photos: Mapping[Any, ImageEntry], name: str
) -> str | None:
    """In words, that a column seems to say which photos belong together; None if none does.

    It does by its name, if many photos share its value with others, and the labels do not say it, as of a coarser
    class: where it has no more values than there are labels, many photos must have others than most of their label.
    Where folders divide all photos, they have to part some of one value.
    """
    split_of = find_splits(list(photos.values()))
    splits = {one: split_of(photo) for one, photo in photos.items()}
    for column in columns.are_texts:
        if _GROUP.fullmatch("".join(filter(str.isalnum, column.rpartition(".")[2].casefold()))) is None:
            continue
        group_of = {one: value for one, value in columns.rows(column) if value and one in photos}
        counts = Counter(group_of.values())
        values, sides = defaultdict[str, Counter[str]](Counter), defaultdict(set)
        for one, value in group_of.items():
            values[labels[one]][value] += 1
            sides[value].add(splits[one])
        shared = sum(count for count in counts.values() if count > 1)
        apart = sum(each.total() - max(each.values()) for each in values.values())
        many = _LEAST_SHARED * len(photos)
        is_of_groups = len(counts) >= _LEAST_GROUPS and shared > many
        crosses_labels = apart > (0 if len(counts) > len(values) else many)
        is_divided = None in splits.values() or any(len(each) > 1 for each in sides.values())
        if is_of_groups and crosses_labels and is_divided:
            return (
                f"photos of one {column!r} of {name} may be trained on and validated on, which makes the figures too "
                f"good; `group_column` {column!r} keeps them on one side"
            )
    return None
