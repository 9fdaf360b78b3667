"""Whether the names of photos or their folders tell the labels, where the user does not say which."""

from collections.abc import Collection, Iterable, Sequence

from scoring.errors import ImagesError
from scoring.sources.entries import ImageEntry
from scoring.sources.path_targets import TargetOf, hint_of_above, hint_of_splits, name_target
from scoring.sources.spelling import composed, singular
from scoring.sources.splits import Split, split_of_name, word_of_split
from scoring.storage.redaction import brief

_NAMED = 3  # labels shown in a message


def names_tell(images: Sequence[ImageEntry], folder_target: TargetOf) -> bool:
    """Whether names tell the labels, else folders do: whichever label every image and are not contradicted.

    Args:
        images: All of them.
        folder_target: What a photo's folders tell.

    Raises:
        ImagesError: If neither does, or they contradict each other; it says what names and folders tell.
    """
    names, folders = _Reading(name_target), _Reading(folder_target)
    disagreements: set[tuple[str, str]] = set()
    for image in images:
        by_name, by_folder = names.read(image.path), folders.read(image.path)
        if by_name and by_folder and singular(by_name) != singular(by_folder):
            disagreements.add((by_name, by_folder))
    told = [reading for reading in (names, folders) if reading.labels_all]
    if not told:
        above = "" if names.are_several or folders.are_several else hint_of_above(images, folder_target)
        raise ImagesError(
            "Expected photos of at least two labels, all named like cat.123.jpg or all in folders like cats/123.jpg; "
            f"the names tell {names}, the folders {folders}{_lacking(names, folders, images, above)}"
        )
    if len(told) == 2 and disagreements and folders.calls_split_label:
        told = [names]  # a folder `train` is a split if names tell other labels
    if (len(told) == 2 and disagreements) or _contradicts(disagreements, names.words & folders.words):
        name, folder = min(disagreements)
        raise ImagesError(
            f"Expected names and folders to agree; the names tell {names}, the folders {folders}: {name!r} "
            f"lies in {folder!r}. Say which with `labels_from` names or folders.{_hint_of_test(disagreements)}"
        )
    return told[0] is names


def _lacking(names: "_Reading", folders: "_Reading", images: Sequence[ImageEntry], above: str) -> str:
    """Which of the images lack a label by what labels most of them, and what to do about these; see `hint_of_above`."""
    is_by_names = names.rank < folders.rank
    reading, word = (names, "name") if is_by_names else (folders, "folder")
    bare = [image.path for image in images if reading.lacks(image.path)]
    if not 0 < len(bare) < len(images):
        return f", of {len(images)} images such as {images[0].path!r}.{above or hint_of_splits(bare, images)}"
    advice = "" if is_by_names else " Move these into folders of their labels or elsewhere, or name a `labels_file`."
    return f"; {bare[0]!r} has no label by its {word}.{above or hint_of_splits(bare, images) or advice}"


def _contradicts(disagreements: Collection[tuple[str, str]], shared: Collection[str]) -> bool:
    """Whether a name says one label and its folder another, both of which are labels elsewhere: `cats/dog.1.jpg`."""
    return any(singular(word) in shared for pair in disagreements for word in pair)


class _Reading:
    """What the images' names, or their folders, would have as labels."""

    def __init__(self, target_of: TargetOf) -> None:
        self._target_of = target_of
        self._labels: set[str] = set()
        self._num_with = self._num_without = 0

    def read(self, path: str) -> str | None:
        """Read one more image's label."""
        label = self._target_of(path)
        if label is None:
            self._num_without += 1
        else:
            self._labels.add(composed(label))
            self._num_with += 1
        return label

    def lacks(self, path: str) -> bool:
        """Whether an image has no label."""
        return self._target_of(path) is None

    @property
    def are_several(self) -> bool:
        """Whether there are several labels."""
        return len(self._labels) > 1

    @property
    def rank(self) -> tuple[bool, int]:
        """What sorts readings: first those of several labels, and of these the one that labels most images."""
        return not self.are_several, self._num_without

    @property
    def labels_all(self) -> bool:
        """Whether every image has a label, and not all of them the same."""
        return not self._num_without and self.are_several

    @property
    def words(self) -> set[str]:
        """The labels but for case and plural."""
        return {singular(label) for label in self._labels}

    @property
    def calls_split_label(self) -> bool:
        """Whether one of the labels is the name of a split, as `train` of a vehicle."""
        return any(map(split_of_name, self._labels))

    def __str__(self) -> str:
        """The labels for people, of many the first."""
        if not self._labels:
            return "none"
        shown = ", ".join(repr(brief(label)) for label in sorted(self._labels)[:_NAMED])
        more = f" and {len(self._labels) - _NAMED} more" if len(self._labels) > _NAMED else ""
        of_images = f" for {self._num_with} of {self._num_with + self._num_without} images"
        return f"{shown}{more}" + (of_images if self._num_without else "")


def _hint_of_test(disagreements: Iterable[tuple[str, str]]) -> str:
    """What to do where a folder whose photos' names tell other labels is called as one to test on."""
    told = ((folder, word_of_split(folder)) for _, folder in sorted(disagreements))
    test = next((folder for folder, word in told if word and word[0] is Split.TEST), None)
    return f" {test!r} is called as a folder to test on: if it is one, first move it elsewhere." if test else ""
