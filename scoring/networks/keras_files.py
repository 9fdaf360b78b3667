"""Load `.keras` files that users name: in Keras' safe mode, and say what does not fit."""

import hashlib
import json
import re
import shutil
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from scoring.errors import ModelError, StorageError, one_line
from scoring.networks.changed_layers import has_changed_layers, refuse_changed_layers
from scoring.networks.float32_policies import in_float32
from scoring.networks.kept_preprocessor import check_preprocessor, has_preprocessor, kept_preprocessor
from scoring.networks.keras_2_architecture import in_keras_3
from scoring.networks.keras_architecture import ARCHITECTURE_FILE
from scoring.networks.nested_training import without_nested_training
from scoring.networks.other_formats import check_is_file, other_format
from scoring.networks.random_layers import without_random_layers
from scoring.networks.refused_layers import reason_of, stateful_layers
from scoring.storage.downloads import local_copy, once_per_content
from scoring.storage.git_lfs import pointer_hint
from scoring.storage.locations import Location
from scoring.storage.reading import open_zip
from scoring.storage.zips import holds_zip

if TYPE_CHECKING:
    import keras

# What zipfile raises at bytes that are not what they should be: checksums, methods that it does not know, keys.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, LookupError, ValueError)

_QUANTISED_MARK = b'"QuantizedDTypePolicy"'
_CHANGED_MARK = b"changed_layers"
_PREPROCESSOR_MARK = b"preprocessor"
# Policies of layers that keep weights in int8, int4 or float8: all but Keras' plain two.
_QUANTISED = re.compile(rb'"(?!Float)\w+DTypePolicy"')
# Of a network in a bucket, when all of it is read.
_AT_ONCE_BYTES = 16 * 1024**2
_METADATA_FILE = "metadata.json"
_FIRST_YEAR = 1980
_FIRST_DATE = {"date_saved": f"{_FIRST_YEAR}-01-01@00:00:00"}
_SHARED_OBJECT = re.compile(r'("shared_object_id": )(\d+)')


def check_keras_file(path: Location, field: str) -> None:
    """Raise ModelError unless `path`, given as `field`, looks like a model saved by Keras 3; imports no Keras."""
    check_is_file(path, field)
    try:
        is_zip = holds_zip(path)
    except StorageError:
        raise
    except OSError as error:
        raise ModelError(
            f"Expected {field} to be a readable file; {path} is not: {error.strerror or error}."
        ) from error
    if not is_zip:
        hint = pointer_hint(path) or other_format(path, field)
        raise ModelError(f"Expected {field} to be a model saved by Keras 3; {path} is not one.{hint}")


@once_per_content
def keras_digest(path: Path) -> str:
    """SHA-256 over a `.keras` file's architecture and weights; when it was saved does not matter.

    Raises:
        ModelError: If it is damaged.
    """
    return read_keras_digest(path)


def checked_copy(place: Location) -> Path:
    """The file itself, or a copy of an object in this machine's cache; what is damaged is not kept there.

    Raises:
        ModelError: If it is damaged.
        DownloadError: If there is no such object; for other errors see `local_copy`.
    """
    return local_copy(place, lambda copy: _refuse_damaged(copy, place))


def _refuse_damaged(copy: Path, place: Location) -> None:
    try:
        read_keras_digest(copy)
    except ModelError as error:
        raise ModelError(str(error).replace(str(copy), str(place))) from error


def read_keras_digest(place: Location) -> str:
    """The same of a file wherever it lies, which is read once more each time.

    Raises:
        ModelError: If it is damaged, or not there.
        StorageError: If its bucket cannot be reached, or it is replaced meanwhile.
    """
    digest = hashlib.sha256()
    try:
        with open_zip(place, _AT_ONCE_BYTES) as archive:
            for name in sorted(set(archive.namelist()) - {_METADATA_FILE}):
                with archive.open(name) as entry:
                    digest.update(name.encode() + hashlib.file_digest(entry, "sha256").digest())  # type: ignore[arg-type]
                if name == ARCHITECTURE_FILE and _QUANTISED.search(archive.read(name)):
                    digest.update(_QUANTISED_MARK)  # earlier versions took such weights for float32: other results
            if has_changed_layers(archive):
                digest.update(_CHANGED_MARK)  # earlier versions scored it, and keep its conversions
            if has_preprocessor(archive):
                digest.update(_PREPROCESSOR_MARK)  # earlier versions left it out
    except StorageError:
        raise
    except _DAMAGE as error:
        said = one_line(error)
        raise ModelError(f"{place} is damaged: {said}.{pointer_hint(place)}") from error
    return digest.hexdigest()


def check_clock() -> None:
    """Raise StorageError where Keras could save no network: zip, of which its files are, knows no time before 1980."""
    now = time.localtime()
    if now.tm_year < _FIRST_YEAR:
        raise StorageError(
            f"Cannot write a .keras file at {time.strftime('%Y-%m-%d %H:%M', now)}, which is what this machine's clock "
            f"says: its format knows no time before {_FIRST_YEAR}. Set the clock, and run again."
        )


def save_keras_file(network: "keras.Model", path: Path) -> None:
    """Save a network: the same one is the same file, to the last byte.

    Raises:
        StorageError: If the clock is too far behind; see `check_clock`.
    """
    check_clock()
    network.save(path)
    remove_particulars(path)


def remove_particulars(path: Path) -> None:
    """Call what layers of a `.keras` file share 1, 2, 3, and give all in it the first date that zip knows.

    Keras calls it by its address in memory, another one in each process.
    """
    numbers: dict[str, int] = {}

    def renumbered(match: re.Match[str]) -> str:
        return f"{match[1]}{numbers.setdefault(match[2], len(numbers) + 1)}"

    with tempfile.TemporaryFile() as numbered:
        changes = {
            ARCHITECTURE_FILE: lambda config: _SHARED_OBJECT.sub(renumbered, config),
            _METADATA_FILE: lambda metadata: json.dumps(json.loads(metadata) | _FIRST_DATE),
        }
        _copy(path, numbered, changes)
        numbered.seek(0)
        with path.open("wb") as file:
            shutil.copyfileobj(numbered, file)


def _copy(path: Path, target: IO[bytes], changes: Mapping[str, Callable[[str], str]]) -> None:
    """Write a `.keras` file without dates, some of its texts changed, by their names."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w") as copy:
        for entry in archive.infolist():
            undated = zipfile.ZipInfo(entry.filename)
            undated.compress_type = entry.compress_type
            with archive.open(entry) as source, copy.open(undated, "w", force_zip64=True) as written:
                if change := changes.get(entry.filename):
                    written.write(change(source.read().decode()).encode())
                else:
                    shutil.copyfileobj(source, written)


def load_keras_file(path: Path) -> "keras.Model":
    """Load a model without running code that it may bring; layers of other precisions become float32.

    Raises:
        ModelError: For an unsafe Lambda layer, a class that Keras does not know, a damaged archive, a model that was
            never built, one that carries a state from batch to batch, one that the Keras it is of computes in
            another way, or a preprocessor that does more than to resize and scale images.
    """
    refuse_changed_layers(path)
    kept_preprocessor(path)  # is refused before Keras takes its time
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
        check_preprocessor(model, path)
        return model
    raise ModelError(
        f"Expected a model of known inputs; {path} was saved before it had an input shape. Give it one, by keras.Input "
        "or by calling it on an image, and save it again."
    )


def _loaded(path: Path) -> "keras.Model":
    import keras

    with zipfile.ZipFile(path) as archive:
        written = json.loads(archive.read(ARCHITECTURE_FILE))
    changed = without_nested_training(without_random_layers(in_float32(in_keras_3(written))))
    if changed == written:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    with tempfile.NamedTemporaryFile(suffix=".keras") as copy:  # Keras takes a path
        _copy(path, copy, {ARCHITECTURE_FILE: lambda _: json.dumps(changed)})
        copy.flush()
        return keras.saving.load_model(copy.name, compile=False, safe_mode=True)
