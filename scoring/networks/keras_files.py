"""Load `.keras` files that users name: in Keras' safe mode, and say what does not fit."""

import hashlib
import json
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from scoring.errors import BucketError, ModelError
from scoring.networks.float32_policies import in_float32
from scoring.networks.keras_folders import refuse_keras_folder
from scoring.networks.library_words import words_of
from scoring.networks.refused_layers import reason_of, stateful_layers
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape, filled, size_text
from scoring.storage.downloads import once_per_content
from scoring.storage.locations import Location, readable
from scoring.storage.reading import read_range

if TYPE_CHECKING:
    import keras

# What zipfile raises at bytes that are not what they should be: checksums, methods that it does not know, keys.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, LookupError, ValueError)

_ARCHITECTURE = "config.json"
_QUANTISED_MARK = b'"QuantizedDTypePolicy"'
# Policies of layers that keep weights in int8, int4 or float8: all but Keras' plain two.
_QUANTISED = re.compile(rb'"(?!Float)\w+DTypePolicy"')
# Number types that hold every pixel.
_OF_PIXELS = ("float16", "bfloat16", "float32", "float64", "uint8", "int16", "uint16", "int32", "uint32", "int64")

# Keras' layers, and operations as layers, that have no weights; and those that have a number or two for each channel.
_WEIGHTLESS = re.compile(
    r"InputLayer|Rescaling|Resizing|CenterCrop|Random\w+|\w*Pooling2D|ZeroPadding2D|Cropping2D|UpSampling2D|\w*Dropout\w*|"
    r"Activation|Softmax|\w*ReLU|ELU|Flatten|Reshape|Permute|Add|Subtract|Multiply|Average|Maximum|Concatenate|Cast|"
    r"Divide|TrueDivide|GetItem|Flip|Transpose|Identity|GaussianNoise"
)
_SCALES = re.compile(r"\w*Normalization|PReLU")
_OF_VECTORS = re.compile(r"Dense|Flatten|Global\w+Pooling2D")  # whose outputs are no maps
_CHANNELS_FIRST = '"channels_first"'
_NO_MODEL: dict[str, Any] = {"class_name": None, "config": {"layers": []}}

_SHARED_OBJECT = re.compile(r'("shared_object_id": )(\d+)')


def check_keras_file(path: Location, field: str) -> None:
    """Raise ModelError unless `path`, given as `field`, looks like a model saved by Keras 3; imports no Keras."""
    if not path.is_file():
        is_folder = path.is_dir()
        if is_folder:
            refuse_keras_folder(path, field)
        what = "is a folder" if is_folder else "does not exist"
        raise ModelError(f"Expected {field} to be a .keras file; {path} {what}.")
    try:
        read_range(path, 0, 1)  # is_zipfile says of what it cannot read that it is none
    except BucketError:
        raise
    except OSError as error:
        raise ModelError(
            f"Expected {field} to be a readable file; {path} is not: {error.strerror or error}."
        ) from error
    if not zipfile.is_zipfile(readable(path)):
        hint = (
            " Of Keras' earlier format, load it with Keras and save it as .keras."
            if path.suffix in (".h5", ".hdf5")
            else ""
        )
        raise ModelError(f"Expected {field} to be a model saved by Keras 3; {path} is not one.{hint}")


@once_per_content
def keras_digest(path: Path) -> str:
    """SHA-256 over a `.keras` file's architecture and weights; when it was saved does not matter.

    Raises:
        ModelError: If it is damaged.
    """
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(set(archive.namelist()) - {"metadata.json"}):
                with archive.open(name) as entry:
                    digest.update(name.encode() + hashlib.file_digest(entry, "sha256").digest())  # type: ignore[arg-type]
                if name == _ARCHITECTURE and _QUANTISED.search(archive.read(name)):
                    digest.update(_QUANTISED_MARK)  # earlier versions took such weights for float32: other results
    except _DAMAGE as error:
        raise ModelError(f"{path} is damaged: {' '.join(str(error).split())[:200]}.") from error
    return digest.hexdigest()


def number_shared_objects(path: Path) -> None:
    """Call what layers of a `.keras` file share 1, 2, 3, so that the same network has the same digest.

    Keras calls it by its address in memory, another one in each process.
    """
    numbers: dict[str, int] = {}

    def renumbered(match: re.Match[str]) -> str:
        return f"{match[1]}{numbers.setdefault(match[2], len(numbers) + 1)}"

    with tempfile.TemporaryFile() as numbered:
        _copy(path, numbered, lambda config: _SHARED_OBJECT.sub(renumbered, config))
        numbered.seek(0)
        with path.open("wb") as file:
            shutil.copyfileobj(numbered, file)


def _copy(path: Path, target: IO[bytes], change: Callable[[str], str]) -> None:
    """Write a `.keras` file with another `config.json`."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w") as copy:
        for entry in archive.infolist():
            with archive.open(entry) as source, copy.open(entry, "w", force_zip64=True) as written:
                if entry.filename == _ARCHITECTURE:
                    written.write(change(source.read().decode()).encode())
                else:
                    shutil.copyfileobj(source, written)


def stated_size(path: Path) -> tuple[int, int] | None:
    """Height and width that a `.keras` file fixes, as its architecture says without Keras; None if it does not tell."""
    try:
        with zipfile.ZipFile(path) as archive:
            layers = json.loads(archive.read(_ARCHITECTURE))["config"]["layers"]
        [(_, height, width, _)] = [
            layer["config"]["batch_shape"] for layer in layers if layer["class_name"] == "InputLayer"
        ]
    except (KeyError, TypeError, ValueError, RecursionError, zipfile.BadZipFile):
        return None
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def only_output(path: Path) -> str | None:
    """The name of a `.keras` file's only output, as its architecture says without Keras; None if it does not tell."""
    model = architecture(path)
    if model["class_name"] == "Sequential":
        return "0"  # what it is called where a model's own outputs have no names
    name, outputs = None, model["config"].get("output_layers")
    while isinstance(outputs, dict) and len(outputs) == 1:
        [(key, outputs)] = outputs.items()
        name = key if name is None else f"{name}/{key}"
    while isinstance(outputs, list) and len(outputs) == 1:
        [outputs] = outputs
    is_one = isinstance(outputs, list) and len(outputs) == 3 and isinstance(outputs[0], str)
    return (name or outputs[0]) if is_one else None  # of a layer: its name, and which of its outputs


def size_word(path: Path, size: tuple[int, int] | None) -> str:
    """What a size that was asked for adds to a digest, `size-240x320`; nothing where it is the file's own."""
    return "" if size in (None, stated_size(path) or DEFAULT_SHAPE.size) else f"size-{size_text(size)}"


def load_keras_file(path: Path) -> "keras.Model":
    """Load a model without running code that it may bring; layers of other precisions become float32.

    Raises:
        ModelError: For an unsafe Lambda layer, a class that Keras does not know, a damaged archive, a model that was
            never built, or one that carries a state from batch to batch.
    """
    try:
        model = _loaded(path)
    except Exception as error:  # Keras, h5py and zipfile each have their own words for it
        raise ModelError(f"Cannot load {path} in Keras' safe mode: {reason_of(error, path)}") from error
    if names := stateful_layers(path):
        raise ModelError(
            f"Expected a model that sees each image by itself; {path} carries a state from batch to batch in "
            f"{', '.join(names)}. Save it with stateful=False."
        )
    if getattr(model, "inputs", None):
        return model
    raise ModelError(
        f"Expected a model of known inputs; {path} was saved before it had an input shape. Give it one, by keras.Input "
        "or by calling it on an image, and save it again."
    )


def _loaded(path: Path) -> "keras.Model":
    import keras

    with zipfile.ZipFile(path) as archive:
        written = json.loads(archive.read(_ARCHITECTURE))
    changed = in_float32(written)
    if changed == written:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    with tempfile.NamedTemporaryFile(suffix=".keras") as copy:  # Keras takes a path
        _copy(path, copy, lambda _: json.dumps(changed))
        copy.flush()
        return keras.saving.load_model(copy.name, compile=False, safe_mode=True)


def is_one_list(path: Path) -> bool:
    """Whether the last layer with weights is a nested list of layers, with no learned kernel below it.

    Earlier versions took pixels for the features of such a network. Told by the architecture, without Keras.
    """
    *below, last = _with_weights(architecture(path))
    return last["class_name"] == "Sequential" and all(_SCALES.fullmatch(layer["class_name"]) for layer in below)


def is_cut_channels_first(path: Path, layer: str | None) -> bool:
    """Whether a network has layers with channels first, and may be cut at their maps.

    Earlier versions averaged the channels of such maps. Told by the architecture, without Keras.

    Args:
        path: A `.keras` file.
        layer: Where it is cut; None is what the last layer with weights takes.
    """
    model = architecture(path)
    if _CHANNELS_FIRST not in json.dumps(model):
        return False
    if layer is None:
        return bool(_with_weights(model)[-1]["class_name"] != "Dense")
    named = [each["class_name"] for each in _layers(model) if (each.get("config") or {}).get("name") == layer]
    return not all(map(_OF_VECTORS.fullmatch, named))


def architecture(path: Path) -> dict[str, Any]:
    """What a `.keras` file says of its layers; a model of none if it does not tell."""
    try:
        with zipfile.ZipFile(path) as archive:
            model: dict[str, Any] = json.loads(archive.read(_ARCHITECTURE))
        _with_weights(model)
    except (KeyError, TypeError, ValueError, RecursionError, zipfile.BadZipFile):
        return _NO_MODEL
    return model


def _with_weights(model: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers with weights of the network that the classes stand in: of a nested one where the last layer is one."""
    found = [layer for layer in _layers(model) if not _WEIGHTLESS.fullmatch(layer["class_name"])]
    if not found:
        return [_NO_MODEL]
    return _with_weights(found[-1]) if found[-1]["class_name"] == "Functional" else found


def _layers(model: dict[str, Any]) -> list[dict[str, Any]]:
    return model["config"]["layers"]  # type: ignore[no-any-return]


def with_pixels(model: "keras.Model", size: tuple[int, int] | None, path: Path) -> "keras.Model":
    """The same model; what it leaves open of its input is fixed.

    Args:
        model: A model of one output.
        size: Height and width that were asked for; None takes the model's, and 224 where it leaves them open.
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
    wanted = (*(size or DEFAULT_SHAPE.size), 3)
    check_size(own[:2], size, path)
    asked = filled([side if side is not None else other for side, other in zip(own, wanted, strict=True)])
    return model if None not in own else _fixed(model, asked, path)


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
            f"{size_text(size)}. Leave it out."
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
