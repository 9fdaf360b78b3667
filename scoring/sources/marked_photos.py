"""Photos that folders or names mark as to test on by a word, and labels that are called so."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from scoring.sources.entries import ImageEntry
from scoring.sources.label_places import folder_of, name_of
from scoring.sources.listing import CommonFolder
from scoring.sources.path_targets import word_before_number
from scoring.sources.spelling import singular
from scoring.sources.splits import Split, split_of_name, word_of_split

_KEPT = 10_000  # names whose words are not looked for again
_NOUNS = {"photo", "photos"}  # beside the word of a split, as sets, data and images, which that says nothing of
_told = lru_cache(_KEPT)(word_of_split)


@dataclass(frozen=True)
class _Mark:
    """What a word of a folder or of a name says that a photo is for.

    Attributes:
        split: What it is for.
        rest: The other words, `hidden` of `test_hidden`.
        is_name: Whether it is the photo's own name.
        label: The photo's label; of a name that is the label itself, as `test_oak`, the other words.
    """

    split: Split
    rest: tuple[str, ...]
    is_name: bool
    label: str | tuple[str, ...]


def marked_as_test(images: Sequence[ImageEntry]) -> list[ImageEntry]:
    """Those of labelled photos that are marked as to test on, and have labels of others, which are not.

    By a folder of that word alone, `test_set`, or by a folder or the name before a number, of any other words, where
    others are marked as to train or to validate on: `test_hidden` beside `train_images`, `PublicTest_2.jpg` beside
    `Training_1.jpg`. The outermost folder that tells counts. A folder that is the label tells nothing, nor does a name
    that is, but for `test_oak_1.jpg` beside `train_oak_1.jpg`, and a folder in which most names are labels of several
    others, as `testset/cat_1.jpg` and `testset/dog_1.jpg` beside `cat/1.jpg` and `dog/1.jpg`.
    """
    shared = CommonFolder(image.path for image in images).depth

    def mark_of(image: ImageEntry) -> _Mark | None:
        label = singular(image.target or "")
        for folder in image.path.split("/")[shared:-1]:
            if (word := _told(folder)) and singular(folder) != label:
                return _Mark(*word, False, label)
        name = word_before_number(image.path) or ""
        if (word := _told(name)) is None:
            return None
        split, rest = word
        if singular(name) != label:
            return _Mark(split, rest, True, label)
        return _Mark(split, rest, True, label if split is Split.VALIDATION else rest) if rest else None

    marks = list(map(mark_of, images))
    learned = _Learned(mark for mark in marks if mark)
    tests = [mark is not None and mark.split is Split.TEST and learned.are_beside(mark) for mark in marks]
    rows = list(zip(images, marks, tests, strict=True))
    labels = {mark.label if mark else singular(image.target or "") for image, mark, is_test in rows if not is_test}
    other = _named_otherwise(images)
    return [
        image
        for image, mark, is_test in rows
        if (is_test and mark and mark.label in labels) or folder_of(image.path) in other
    ]


def _named_otherwise(images: Sequence[ImageEntry]) -> set[str]:
    """The folders that are labels and called as to test on, of whose photos most names are labels of several others."""
    labels = {singular(image.target or "") for image in images}
    names = defaultdict[str, list[str]](list)
    for image in images:
        folder = folder_of(image.path)
        label = singular(image.target or "")
        if (told := _told(name_of(folder))) and told[0] is Split.TEST and singular(name_of(folder)) == label:
            name = singular(word_before_number(image.path) or "")
            names[folder].append(name if name in labels and name != label else "")
    return {folder for folder, of in names.items() if 2 * of.count("") < len(of) and len({*of} - {""}) > 1}


def called_as_held_out(images: Sequence[ImageEntry]) -> str | None:
    """A label that is called as photos to test or to validate on are, where no other is called as a split: `test_set`.

    A folder that bears such a word alone is known to be a label. So are those that a file tells, and `test_tube`.
    """
    called = dict[str, Split]()
    for image in images:
        folder, label = name_of(folder_of(image.path)), image.target or ""
        is_folder = folder == label and not split_of_name(label)
        told = _told(label) if is_folder or word_before_number(image.path) == label else None
        if told and _NOUNS.issuperset(told[1]):
            called[label] = told[0]
    held_out = [label for label, split in called.items() if split is not Split.TRAIN]
    return held_out[0] if len(called) == len(held_out) == 1 else None


class _Learned:
    """What words stand beside those of photos to train or to validate on."""

    def __init__(self, marks: Iterable[_Mark]) -> None:
        found = {(mark.is_name, mark.rest) for mark in marks if mark.split is not Split.TEST}
        self._kinds = {is_name for is_name, _ in found}
        self._alone = {is_name for is_name, rest in found if not rest}
        self._words = {(is_name, word) for is_name, rest in found for word in rest}

    def are_beside(self, test: _Mark) -> bool:
        """Whether a mark is of the same collection: it shares another word with these, or one has none."""
        if not test.rest:
            return not test.is_name or test.is_name in self._kinds
        return test.is_name in self._alone or any((test.is_name, word) in self._words for word in test.rest)
