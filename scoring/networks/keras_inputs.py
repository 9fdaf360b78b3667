"""The input of a `.keras` file's network: refused where it takes no pixels, and fixed where it is left open."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.errors import ModelError
from scoring.networks.kept_preprocessor import kept_preprocessor
from scoring.networks.keras_architecture import stated_size
from scoring.networks.library_words import words_of
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape, filled, size_text

if TYPE_CHECKING:
    import keras

# Number types that hold every pixel.
_OF_PIXELS = ("float16", "bfloat16", "float32", "float64", "uint8", "int16", "uint16", "int32", "uint32", "int64")


def size_word(path: Path, size: tuple[int, int] | None) -> str:
    """What a size that was asked for adds to a digest, `size-240x320`; nothing where it is the file's own."""
    return "" if size in (None, own_size(path) or DEFAULT_SHAPE.size) else f"size-{size_text(size)}"


def own_size(path: Path) -> tuple[int, int] | None:
    """Height and width that a file or its preprocessor fixes; None if they do not tell.

    Raises:
        ModelError: If its preprocessor does more than to resize and scale images.
        OSError: If it cannot be read.
    """
    return _kept_size(path) or stated_size(path)


def check_own_size(path: Path | None, size: tuple[int, int] | None) -> None:
    """Raise ModelError if a file that is here is known to take another size than was asked for, without Keras."""
    if size and path and (own := own_size(path)):
        check_size(own, size, path)


def with_pixels(model: "keras.Model", size: tuple[int, int] | None, path: Path) -> "keras.Model":
    """The same model; what it leaves open of its input is fixed.

    Args:
        model: A model of one output.
        size: Height and width that were asked for; None takes the model's or its preprocessor's, and
            224 where they leave them open.
        path: Its file, for messages.

    Raises:
        ModelError: If it does not take images of 1 or 3 channels, not of that size, or no numbers up to 255.
    """
    shapes = [tuple(tensor.shape) for tensor in model.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or not _is_last(shapes[0]):
        raise ModelError(
            "Expected a model of one input of shape (None, height, width, channels), with 1 or 3 channels, which go "
            f"last; {path} has inputs of shape {', '.join(map(str, shapes))}.{_advice(shapes)}"
        )
    if model.inputs[0].dtype not in _OF_PIXELS:
        raise ModelError(
            f"Expected a model whose input holds pixels of 0 to 255; {path} takes {model.inputs[0].dtype}, which does "
            "not. Save it with an input of float32 or uint8."
        )
    own = shapes[0][1:]
    made = _kept_size(path)
    if made is not None:
        check_size(made, size, path)
    size = size or made
    wanted = (*(size or DEFAULT_SHAPE.size), 3)
    check_size(own[:2], size, path)
    asked = filled([side if side is not None else other for side, other in zip(own, wanted, strict=True)])
    return model if None not in own else _fixed(model, asked, path)


def _kept_size(path: Path) -> tuple[int, int] | None:
    kept = kept_preprocessor(path)
    return kept.size if kept else None


def _is_last(shape: tuple[int | None, ...]) -> bool:
    """Whether channels are an input's last side: one that is open is not, where the first is fixed at 1 or 3."""
    _, first, _, last = shape
    return last in (1, 3) or (last is None and first not in (1, 3))


def _advice(shapes: list[tuple[int | None, ...]]) -> str:
    """What helps a model of one input that holds an image in another way; nothing where that is not plain."""
    match shapes:
        case [(_, int(height), int(width))]:
            taken, turned = (height, width, 1), f"Reshape(({height}, {width}))"
        case [(_, 1 | 3 as channels, int(height), int(width))]:
            taken, turned = (height, width, channels), "Permute((3, 1, 2))"
        case _:
            return ""
    return f" Save it as keras.Sequential([keras.Input({taken}), keras.layers.{turned}, model])."


def check_size(own: Sequence[int | None], size: tuple[int, int] | None, path: object) -> None:
    """Raise ModelError if a size was asked for that is not the one a model has; None is a side that it leaves open."""
    if size is None or all(side in (None, asked) for side, asked in zip(own, size, strict=True)):
        return
    height, width = own
    if height is not None and width is not None:
        raise ModelError(
            f"Expected `size` {size_text((height, width))} (height x width), which {path} takes; received "
            f"{size_text(size)}. Name that one, or leave it out."
        )
    fixed, side = ("width", width) if height is None else ("height", height)
    raise ModelError(
        f"Expected `size` of a {fixed} of {side}, which {path} takes; received {size_text(size)} (height x width). "
        f"Name one of this {fixed}."
    )


def _fixed(model: "keras.Model", shape: InputShape, path: Path) -> "keras.Model":
    import keras

    pixels = keras.Input(shape.as_array(), dtype=model.inputs[0].dtype)
    try:
        return keras.Model(pixels, model(pixels))
    except Exception as error:  # each layer has its own words for too few pixels
        reason = words_of(error)
        raise ModelError(
            f"Expected a `size` that {path} can take; received {size_text(shape.size)}: {reason}"
        ) from error
