"""What photos are for, to train, to validate or to test on, where the folders that they lie in say so."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import cache

from scoring.sources.entries import ImageEntry, Listing
from scoring.sources.listing import CommonFolder
from scoring.sources.suffixes import ROW_SUFFIX, TAR_SUFFIX

# A file that holds images: a tar, or a part of a table with the number of its row. `train-00000-of-00002.parquet#17`.
_HOLDER = re.compile(f"(?P<name>.*)(?:{TAR_SUFFIX}|{ROW_SUFFIX})", re.IGNORECASE | re.DOTALL)
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")  # `Training`, `Set` of `TrainingSet_2`
TRAINVAL = re.compile(r"(train)(?:ing)?[-_+&/ ]*val(?:id(?:ation)?)?(?![a-z])", re.IGNORECASE)  # VOC's, to train on
_FILLERS = {"", "image", "images"}  # words beside that of a split that tell nothing


class Split(StrEnum):
    """What photos of a collection are for, where its folders say so, as in fast.ai's `train/cats/1.jpg`."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


_SPLITS = {
    **dict.fromkeys(("train", "training"), Split.TRAIN),
    **dict.fromkeys(("valid", "validation", "val", "dev"), Split.VALIDATION),
    **dict.fromkeys(("test", "test1", "testing"), Split.TEST),
}
_WORDS = {  # those beside a folder to train on
    **_SPLITS,
    **dict.fromkeys(("validate", "validating", "validations", "vali"), Split.VALIDATION),
    **dict.fromkeys(("tests", "evaluation", "eval", "holdout"), Split.TEST),
}


class SplitFolders:
    """What the folders of a collection say that its photos are for.

    Below the folder that all photos share, the outermost that says so counts: in `/home/test/pets/train/cats/1.jpg`
    not `test`, where others lie in `/home/test/pets/valid`. Of a folder the whole name counts. One of its words, or
    `evaluation`, does beside a folder of another split, if one of the two is to train on and they are called the same
    but for that word, `seg_test` beside `seg_train`, or the one to train on holds folders of labels and is called so
    alone, or lies beside another that is: `test_stg1` beside `train`, `public_test` beside `train_mini` and `val`. Of a
    file that holds images one of its words counts: `pets-train-000.tar`.

    A folder is its path with a slash behind it.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        common = CommonFolder()
        self._holding = set[str]()  # folders that hold photos themselves
        for path in paths:
            common.see(path)
            self._holding.add(path[: path.rfind("/") + 1])
        self._depth = common.depth
        self._inside = defaultdict[str, set[str]](set)  # the names of the folders in each
        for folder in self._holding:
            parent, name = _parted(folder)
            while name and name not in self._inside[parent]:
                self._inside[parent].add(name)
                parent, name = _parted(parent)
        self._told_in = cache(self._find_told)
        self._split_of_folder = cache(self._find_split)
        self._is_label = cache(self._find_label)

    def split_of(self, path: str) -> Split | None:
        """What a photo is for; None if no folder says so."""
        name = path[path.rfind("/") + 1 :]
        held = word_of_split(name) if holds_images(name) else None
        return self._split_of_folder(path[: len(path) - len(name)]) or (held and held[0])

    def is_split(self, folder: str) -> bool:
        """Whether the name of a folder tells a split, and no label."""
        parent, name = self._outermost(folder)
        return name in self._told_in(parent) and not self._is_label(parent, name)

    def is_called_split(self, folder: str) -> bool:
        """Whether the whole name of a folder is that of a split, whatever lies beside it, and no label."""
        parent, name = self._outermost(folder)
        return split_of_name(name) is not None and not self._is_label(parent, name)

    def is_of_split(self, folder: str) -> bool:
        """Whether a folder is a split's, or the only one within such a folder."""
        if self.is_split(folder) or self.is_called_split(folder):
            return True
        parent, name = _parted(folder)
        return bool(name) and self._inside[parent] == {name} and self._split_of_folder(parent) is not None

    def _outermost(self, folder: str) -> tuple[str, str]:
        """Where a folder lies, and its name; of several of one name, `test/test`, the outermost."""
        parent, name = _parted(folder)
        while self._inside[parent] == {name} and _parted(parent)[1] == name:
            parent, name = _parted(parent)
        return parent, name

    def _find_split(self, folder: str) -> Split | None:
        if folder.count("/") <= self._depth:
            return None
        parent, name = _parted(folder)
        return self._split_of_folder(parent) or self._told_in(parent).get(name)

    def _find_told(self, parent: str) -> dict[str, Split]:
        """The folders in one whose names tell a split."""
        words = {name: word for name in self._inside[parent] if (word := word_of_split(name))}
        told = {name: split for name, (split, _) in words.items() if split_of_name(name) or holds_images(name)}
        training = {name: rest for name, (split, rest) in words.items() if split is Split.TRAIN}
        others = {name: rest for name, (_, rest) in words.items() if name not in training}
        with_labels = {name for name in training if others and self._holds_labels(f"{parent}{name}/")}
        rests, rests_of_others = set(training.values()), set(others.values())
        has_whole = any(map(split_of_name, others))
        with_labels = {name for name in with_labels if has_whole or not training[name]}  # any is told beside these
        for name, rest in others.items():
            if with_labels or rest in rests:
                told[name] = words[name][0]
        for name, rest in training.items():
            if rest in rests_of_others or name in with_labels:
                told[name] = Split.TRAIN
        return told

    def _find_label(self, parent: str, name: str) -> bool:
        """Whether a folder is called as a split and is a label, as `valid` beside `invalid`: in each of two splits."""
        others, split = self._inside[parent] - {name}, self._split_of_folder(parent)
        return (
            split is not None
            and len(others) > 0
            and not self._inside[f"{parent}{name}/"]
            and all(f"{parent}{other}/" in self._holding and not holds_images(other) for other in others)
            and not any(map(word_of_split, others))
            and any(
                its_name == name and self._split_of_folder(its_parent) not in {None, split}
                for its_parent, its_name in map(_parted, self._holding)
            )
        )

    def _holds_labels(self, folder: str) -> bool:
        """Whether photos lie in several folders within one, and none beside these."""
        while folder not in self._holding and len(self._inside[folder]) == 1:
            folder += f"{next(iter(self._inside[folder]))}/"
        return folder not in self._holding and len(self._inside[folder]) > 1


def find_splits(images: Sequence[ImageEntry]) -> Callable[[ImageEntry], Split | None]:
    """Tells what each of these images is for, by the folders, tars and parts of tables that it lies in."""
    folders = SplitFolders(image.path for image in images)
    return lambda image: folders.split_of(image.path)


def split_of_name(name: str) -> Split | None:
    """What a folder of this name says that photos are for."""
    return _SPLITS.get(name.casefold())


def names_split(word: str) -> bool:
    """Whether what stands before a photo's number tells a split, and no label: `Train_0.jpg`, `test_image_0.jpg`."""
    told = None if word.casefold() in _WORDS else word_of_split(word)
    return split_of_name(word) is not None or (told is not None and not told[1])


def split_of_folders(names: Sequence[str]) -> Split | None:
    """What the innermost of folders that says what photos are for says."""
    return next((split for name in reversed(names) if (split := split_of_name(name))), None)


def holds_images(name: str) -> bool:
    """Whether a name is that of a tar, or of a row in a part of a table."""
    return _HOLDER.fullmatch(name) is not None


def _parted(folder: str) -> tuple[str, str]:
    """The folder that one lies in, and its name."""
    parent = folder[: folder.rfind("/", 0, -1) + 1]
    return parent, folder[len(parent) : -1]


def word_of_split(name: str) -> tuple[Split, tuple[str, ...]] | None:
    """The split that one word of a name tells, and the name's other words; None if none does, or two differ."""
    held = _HOLDER.fullmatch(name)
    if not held and (split := _WORDS.get(name.casefold())):
        return split, ()
    name = TRAINVAL.sub(r"\1", held["name"] if held else name)
    words = re.split(r"[-_.]", name) if held else WORD.findall(name)
    words = [word.casefold().removesuffix("set").removesuffix("data") for word in words]
    splits = {split for word in words if (split := _WORDS.get(word))}
    rest = tuple(word for word in words if word not in _FILLERS and word not in _WORDS)
    return (splits.pop(), () if held else rest) if len(splits) == 1 else None


def leave_out_test(listing: Listing) -> Listing:
    """The images to train and to validate on: all but those of a test folder that lies beside one of these."""
    split_of = find_splits(listing.images)
    told = set(map(split_of, listing.images))
    if Split.TEST not in told or told.isdisjoint({Split.TRAIN, Split.VALIDATION}):
        return listing
    beside = "training" if Split.TRAIN in told else "validation"
    return listing.keep(lambda image: split_of(image) is not Split.TEST, f"in a test folder beside a {beside} folder")
