"""Recipes of `finetune` by name: what is used where no single option says otherwise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from jobs.console.arguments import LARGEST_SIDE, choice, size_of, words_in
from jobs.console.places import text_of
from jobs.finetune.request import Augment, Unfreeze
from jobs.score.pixel_options import pixel_scale
from scoring.errors import ModelError, RequestError
from scoring.finetuning.features import FeatureRequest
from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.networks.base_networks import base_of, takes_weights
from scoring.networks.base_request import VGG16, VGG16_CONVOLUTIONS, BaseRequest
from scoring.networks.engines import EngineName
from scoring.networks.keras_inputs import own_size
from scoring.networks.keras_names import keras_file_here
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.pooled_views import ViewPooling, Views
from scoring.networks.precision import Precision


class Preset(StrEnum):
    """The recipes."""

    LESSON = "lesson"  # fast.ai's: a softmax layer on VGG16's fc2, validated on photos kept out
    FAST = "fast"  # VGG16's convolutions, one view, a head of radial basis functions, validated out of fold
    BEST = "best"  # the same on twice the pixels and on mirror images


@dataclass(frozen=True)
class Recipe:
    """What a preset stands for.

    Attributes:
        base: The network below the heads.
        head: What stands on its features.
        augment: Which further views of each photo are used.
        sizes: Pixels a side of each view; none is what the base takes.
        pooling: How positions become one vector; none takes their mean, without the square roots that views take.
        folds: Into how many parts photos are divided; 0 keeps some out instead.
        draws: How often photos are divided into folds, with new heads each time; of rbf heads alone.
    """

    base: str
    head: HeadKind
    augment: Augment
    sizes: tuple[int, ...]
    pooling: tuple[ViewPooling, ...]
    folds: int
    draws: int = 1


_EVERY_POOLING = (ViewPooling.MEAN, ViewPooling.MAX, ViewPooling.CENTRE)
RECIPES = {
    Preset.LESSON: Recipe(VGG16, HeadKind.SOFTMAX, Augment.NONE, (), (), 0),
    Preset.FAST: Recipe(VGG16_CONVOLUTIONS, HeadKind.RBF, Augment.NONE, (), _EVERY_POOLING, 5, 3),
    Preset.BEST: Recipe(VGG16_CONVOLUTIONS, HeadKind.RBF, Augment.FLIP, (320,), _EVERY_POOLING, 5, 3),
}


@dataclass(frozen=True)
class HeadOptions:
    """What users say of the heads; None leaves it to the recipe, or to `HeadSettings`."""

    head: HeadKind | str | None
    unfreeze: Unfreeze | str | None
    ensemble: int | None
    dropout: float | None
    learning_rate: float | None
    epochs: int | None

    @property
    def are_of_lesson(self) -> bool:
        """Whether anything is said that belongs to the lesson, be it what the lesson does anyway."""
        told = (self.unfreeze, self.ensemble, self.dropout, self.learning_rate, self.epochs)
        return any(value is not None for value in told)

    def settings(self, recipe: Recipe) -> HeadSettings:
        """How heads are to be trained.

        Raises:
            RequestError: If an option makes no sense, or not with heads of this kind.
        """
        kind = recipe.head if self.head is None else choice(self.head, HeadKind, "head")
        told = {"dropout": self.dropout, "learning_rate": self.learning_rate, "max_epochs": self.epochs}
        of_softmax: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
        if of_softmax and kind is HeadKind.RBF:
            raise RequestError(
                "`dropout`, `learning_rate` and `epochs` belong to softmax heads. Leave them out with `head` rbf, "
                "which `preset` fast and best take."
            )
        dense = self.unfreeze is not None and choice(self.unfreeze, Unfreeze, "unfreeze") is Unfreeze.DENSE
        return HeadSettings(**of_softmax, unfreeze_dense=dense, kind=kind)


@dataclass(frozen=True)
class FeatureOptions:
    """What users say of the features; None leaves it to the recipe."""

    base: Sequence[str | Path] | str | Path | None
    weights: Sequence[str | Path] | str | Path | None
    features: str | None
    pooling: str | Sequence[str] | None
    size: str | int | Sequence[str | int] | None
    augment: Augment | str | None
    precision: Precision | str
    engine: EngineName | str = EngineName.KERAS
    pixels: Sequence[PixelScale | str] | str | None = None

    def request(self, recipe: Recipe, unfreeze_dense: bool) -> FeatureRequest:
        """The features that are asked for.

        Raises:
            RequestError: If an option makes no sense, or not with the others.
        """
        pooling = poolings_of(self.pooling) if self.pooling else recipe.pooling
        names = texts_of(self.base) or [recipe.base]
        if unfreeze_dense:
            self._check_dense(recipe, pooling)
        usual = recipe.sizes if len(names) == 1 and _takes(names[0], recipe.sizes) else ()
        sizes = usual if self.size is None else sides_of(self.size)
        if sizes and not pooling:
            raise RequestError("Expected `pooling` beside `size`, such as mean,max; received none.")
        mirror = (recipe.augment if self.augment is None else choice(self.augment, Augment, "augment")) is Augment.FLIP
        base = self._base(names, Views(sizes, mirror, pooling) if pooling else None)
        return FeatureRequest(
            base_of(base).choose_layer(unfreeze_dense),
            mirror and not pooling,
            choice(self.precision, Precision, "precision"),
            engine=choice(self.engine, EngineName, "engine"),
        )

    def _check_dense(self, recipe: Recipe, pooling: Sequence[ViewPooling]) -> None:
        """VGG16's dense layers are trained further on what they were trained on: all positions of one view."""
        if self.pooling is not None or self.size is not None:
            raise RequestError("`unfreeze` dense trains on all positions of one size. Leave `pooling` and `size` out.")
        if pooling or recipe.base != VGG16:
            raise RequestError(
                f"`unfreeze` dense trains {VGG16}'s own dense layers, which `preset` fast and best do without. Take "
                "`preset` lesson, or leave `preset` out."
            )

    def _base(self, names: Sequence[str], views: Views | None) -> BaseRequest:
        """The network of that name; of several names all of them side by side."""
        if len(names) > 1 and (self.features, self.size) != (None, None):
            raise RequestError(
                f"`features` and `size` belong to one `base`; received {len(names)}, each cut and sized as it is "
                "alone. Leave them out."
            )
        weights = _of_each(names, self.weights, "weights", "no .keras file", takes_weights)
        scales = _of_each(names, self.pixels, "pixels", "a .keras file", lambda name: not takes_weights(name))
        first, *others = (
            BaseRequest(
                name,
                file,
                self.features,
                pixels=pixel_scale(scale, name),
                views=views,
            )
            for name, file, scale in zip(names, weights, scales, strict=True)
        )
        return replace(first, further=tuple(others))


def _of_each(
    names: Sequence[str],
    told: Sequence[str | Path] | str | Path | None,
    field: str,
    takers: str,
    takes: Callable[[str], bool],
) -> list[str | None]:
    """What is said of each base, in their order: nothing, or a word for each of several that takes one.

    Args:
        names: The bases; one alone is given its word whatever it is, and refuses it itself.
        told: Their words.
        field: Which words these are.
        takers: What bases are that take one.
        takes: Whether one is.

    Raises:
        RequestError: If there are more words, or fewer.
    """
    words, taking = texts_of(told), [name for name in names if len(names) == 1 or takes(name)]
    if words and len(words) != len(taking):
        raise RequestError(
            f"Expected `{field}` once for each `base` that is {takers}, in their order; received {len(words)} for "
            f"{', '.join(taking) or 'none'}."
        )
    left = iter(words)
    return [next(left, None) if name in taking else None for name in names]


def _takes(name: str, sizes: Sequence[int]) -> bool:
    """Whether a base may take square views of these sizes: not one that was published or saved for another alone."""
    if takes_weights(name):
        return name == VGG16_CONVOLUTIONS
    file = keras_file_here(name)
    try:
        own = own_size(file) if file else None
    except (ModelError, OSError):  # told where it is loaded
        own = None
    return own is None or all(own == (side, side) for side in sizes)


def texts_of(value: Sequence[str | Path] | str | Path | None) -> list[str]:
    """Names or places, of which one may stand alone."""
    each = [value] if isinstance(value, str | Path) else value or []
    return [text_of(one) for one in each]


def recipe_of(preset: Preset | str | None, is_lesson: bool) -> Recipe:
    """The recipe of that name; without a name the lesson's if something of it was asked for, else the fast one."""
    if preset is None:
        return RECIPES[Preset.LESSON if is_lesson else Preset.FAST]
    return RECIPES[choice(preset, Preset, "preset")]


def poolings_of(value: str | Sequence[str]) -> tuple[ViewPooling, ...]:
    """Ways of pooling, from `mean,max`."""
    return tuple(dict.fromkeys(choice(word, ViewPooling, "pooling") for word in words_in(value)))


def sides_of(value: str | int | Sequence[str | int]) -> tuple[int, ...]:
    """Pixels a side of square views, the largest first, from `448,224` or a list of them.

    Raises:
        RequestError: If one is not square, or too small or too large.
    """
    sides = value.split(",") if isinstance(value, str) else value if isinstance(value, Sequence) else [value]
    try:
        sizes = {size_of(str(side).strip()) for side in sides}
    except RequestError:
        sizes = set()
    if not sizes or any(height != width for height, width in sizes):
        raise RequestError(
            "Expected `size` of squares for fine-tuning, such as 320, or several, such as 448,224, of 1 to "
            f"{LARGEST_SIDE} pixels a side; received {value!r}."
        )
    return tuple(sorted({height for height, _ in sizes}, reverse=True))
