"""The names of a model's classes, as users give them: `cat,dog`, or a file in one of the usual layouts."""

import csv
import errno
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from scoring.errors import BucketError, ModelError
from scoring.models.label_indices import below_header, without_indices
from scoring.sources.csv_table import SAVE_AS_UTF8, without_blanks_at_quotes
from scoring.sources.spelling import composed
from scoring.storage.git_lfs import ADVICE, POINTER, is_pointer
from scoring.storage.locations import Location, bucket_of, locate
from scoring.storage.reading import read_whole
from scoring.storage.redaction import brief

_SHAPES = (
    'one name a line, or name and index (cat,0), a JSON list of names, {"0": "cat"}, {"cat": 0} or '
    '{"0": ["n02123045", "tabby"]}'
)
# What files call the names of classes, or these with their indices, that they have beside other things: Teachable
# Machine's metadata.json (labels), YOLO's data.yaml (names), and what people write themselves.
_CALLED = ("class_names", "classes", "class_indices", "labels", "label_map", "names")
_YAML = re.compile(
    rf"^(?:(?:{'|'.join(_CALLED)}):[ \t]*[\[{{]|[^\W\d]\w*:[ \t]*(?:#.*)?\n+(?:[ \t]+\S|- ))", re.MULTILINE
)
_BEGIN_PATHS = ("/", "./", "../", "~/")
_SUFFIXES = (".txt", ".json", ".csv", ".names")
# What files begin with that are no text, and what to do.
_NO_TEXT = {
    b"\x80": "it is a pickle; load it and write it with json.dump",
    b"\x93NUMPY": "it is a NumPy array; load it and write its tolist() with json.dump",
}
_SHOWN = 5
_SHOWN_CHARACTERS = 80
_INDEX = re.compile("[0-9]{1,18}")
_JSON = re.compile(  # or Python's, which is refused
    r"""\s*(\[\s*(["'].*["']|\{.*\})\s*\]|\{\s*["'\d].*\})\s*""", re.DOTALL
)
_ENDS_OF_LINES = re.compile("\r\n?|\n")  # a form feed, and others where str.splitlines divides, may be in a name
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read_class_names(given: str) -> tuple[str, ...]:
    """The names that `labels` stands for, in class order.

    Args:
        given: Names parted by commas, or JSON, or the path or URL of a file: one name a line, or JSON, which is a list
            of names, names by index, indices by name (Keras' `class_indices`), Keras' `imagenet_class_index.json`,
            names with their `id`, or one of these within a map, as in Hugging Face's `config.json` and Teachable
            Machine's `metadata.json`.
            Quotes as in CSV, around a name that has a comma or any other, are no part of it. Names that are not in
            JSON may have their indices beside them, from 0 or 1 on, as in `cat,0` or `0: cat`; these are no part of
            them, except behind a blank, as in `0 cat`, where nothing tells; nor is a header above them in a file.

    Raises:
        ModelError: If these are not different names, one for every index from 0 on and in their order, or the file
            cannot be read.
        BucketError: If the bucket that it lies in cannot be reached.
    """
    file = class_names_file(given)
    if file is None:
        return _of_text(given)
    try:
        content = read_whole(file)
    except BucketError:
        raise
    except OSError as error:
        raise ModelError(f"Expected a readable file of `labels`; {given} is not: {error.strerror or error}.") from error
    if is_pointer(content):
        raise ModelError(f"Expected names of classes in the file of `labels`; {given} is a {POINTER}. {ADVICE}")
    return parse_class_names(content, given)


def class_names_text(names: Sequence[str]) -> str:
    """The text that means these names: with commas between them, or JSON where that says others."""
    text = ",".join(names)
    try:
        is_read_so = _of_text(text) == tuple(name.strip() for name in names)
    except ModelError:
        is_read_so = False
    return text if is_read_so else json.dumps(list(names))


def _of_text(given: str) -> tuple[str, ...]:
    if _JSON.fullmatch(given):
        return parse_class_names(given.encode(errors="surrogatepass"), given)
    return _different(without_indices([name.strip() for name in _split(given)], _short(given)), given)


def parse_class_names(content: bytes, source: str) -> tuple[str, ...]:
    """The names in a file's content; `source` is what messages call it. For errors see `read_class_names`."""
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        known = next((what for first, what in _NO_TEXT.items() if content.startswith(first)), None)
        told = f"{known}." if known else f"{error}. {SAVE_AS_UTF8}"
        raise ModelError(f"Expected `labels` to be a file of text in UTF-8; {source} is not: {told}") from error
    if not text.startswith(("[", "{")):
        lines = tuple(_unquoted(line.strip()) for line in _ENDS_OF_LINES.split(text))
        if _YAML.search(_ENDS_OF_LINES.sub("\n", text)) or all(line.startswith("- ") for line in lines):
            raise _misshapen(source, "the lines are YAML: write the names alone")
        if len(lines) == 1 and len(_split(text)) > 1:
            raise _misshapen(source, f"the only line is {text[:_SHOWN_CHARACTERS]}")
        return _different(below_header(lines, _short(source)) or without_indices(lines, _short(source)), source)
    try:
        parsed = json.loads(text, object_pairs_hook=lambda pairs: _without_duplicates(pairs, source))
    except ModelError:
        raise
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"Expected `labels` to be a file with {_SHAPES}; {source} is no whole JSON: {error}."
        ) from error
    return _from_list(parsed, source) if isinstance(parsed, list) else _from_map(parsed, source)


def _split(line: str) -> list[str]:
    """The fields of a line of CSV; where its quotes do not close, they are characters like others."""
    try:
        return next(csv.reader([without_blanks_at_quotes(line, ",")], skipinitialspace=True, strict=True))
    except csv.Error:
        return line.split(",")


def _unquoted(line: str) -> str:
    """A line of CSV without the quotes around its fields: `0,tabby, tabby cat` of `0,"tabby, tabby cat"`."""
    return ",".join(_split(line)) if '"' in line else line


def check_label_count(labels: Sequence[str], num_outputs: int, model: str) -> None:
    """Raise ModelError unless there is one label for each output; one output takes two."""
    if num_outputs == 1:
        if len(labels) != 2:
            raise ModelError(
                f"Expected two `labels`, such as no-dog,dog, for the one output of {model}, the first for values near "
                f"0, the second for values near 1; received {_shown(labels)}."
            )
    elif len(labels) != num_outputs:
        raise ModelError(f"Expected {num_outputs} `labels`, one per output of {model}; received {_shown(labels)}.")


def class_names_file(given: str) -> Location | None:
    """The file that `given` names; None if these are the names themselves.

    Raises:
        ModelError: If it can only be meant as a file, and there is none.
    """
    location = locate(given)
    try:
        is_file = location.is_file()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:  # as a path, many names are too long
            raise
        is_file = False
    if is_file:
        return location
    if not _JSON.fullmatch(given) and _means_file(given):
        raise ModelError(f"Expected `labels` to be names such as cat,dog or a file; there is no file {given}.")
    return None


def _means_file(given: str) -> bool:
    """Whether a text can only be meant as a file, though it has commas; classes may be called `/m/01yrx`, main.py."""
    *others, last = [name.strip() for name in given.split(",")]
    has_suffix = PurePosixPath(last).suffix.lower() in _SUFFIXES
    if not others:
        return "/" in given or has_suffix
    are_paths = [name.startswith(_BEGIN_PATHS) for name in (*others, last)]
    ends_path = "/" in given and has_suffix and not any(PurePosixPath(name).suffix for name in others)
    return bucket_of(given) is not None or (are_paths[0] and not all(are_paths)) or ends_path


def _without_duplicates(pairs: list[tuple[str, Any]], source: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ModelError(f"Expected every key of `labels` once; {source} has {json.dumps(key)} twice.")
        found[key] = value
    return found


def _from_list(names: list[Any], source: str) -> tuple[str, ...]:
    """Names in their order, or each with its `id`."""
    pairs: list[tuple[Any, Any]] = [(one.get("id"), one.get("name")) for one in names if isinstance(one, dict)]
    if names and len(pairs) == len(names) and all(_is_index(index) and isinstance(name, str) for index, name in pairs):
        return _different(_in_order([(index, name.strip()) for index, name in pairs], source), source)
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise _misshapen(source, f"its entry {index} is {json.dumps(name)[:_SHOWN_CHARACTERS]}")
    return _different(tuple(name.strip() for name in names), source)


def _from_map(entries: Mapping[str, Any], source: str) -> tuple[str, ...]:
    """Names by index, or indices by name, or what a file has of these or of a list beside other things."""
    if isinstance(entries.get("id2label"), dict):
        return _of_indices(entries["id2label"], source)
    inner = [entries[key] for key in _CALLED if isinstance(entries.get(key), dict | list)]
    told = {_from_list(one, source) if isinstance(one, list) else _of_indices(one, source) for one in inner}
    if len(told) > 1:
        raise _misshapen(source, f"two of {', '.join(key for key in _CALLED if key in entries)} tell others")
    return told.pop() if told else _of_indices(entries, source)


def _of_indices(entries: Mapping[str, Any], source: str) -> tuple[str, ...]:
    """Names by index, or indices by name: the values tell which."""
    values = entries.values()
    if values and all(map(_is_index, values)):
        return _different(_in_order([(index, name.strip()) for name, index in entries.items()], source), source)
    pairs = [(_index(key, source), _identity_and_name(value, source)) for key, value in entries.items()]
    ordered = _in_order(pairs, source)
    _different(tuple("/".join(identified) for identified in ordered), source)  # ImageNet's two cranes are not one
    return tuple(name for *_, name in ordered)


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _index(key: str, source: str) -> int:
    if not _INDEX.fullmatch(key):
        raise _misshapen(source, f"its key {json.dumps(key)[:_SHOWN_CHARACTERS]} is no index")
    return int(key)


def _identity_and_name(value: Any, source: str) -> tuple[str, ...]:
    """A name alone, or ImageNet's identity of a class and its name."""
    parts = [value] if isinstance(value, str) else value
    if isinstance(parts, list) and 1 <= len(parts) <= 2 and all(isinstance(part, str) for part in parts):
        stripped = tuple(part.strip() for part in parts)
        if stripped[-1]:
            return stripped
    raise _misshapen(source, f"one of its names is {json.dumps(value)[:_SHOWN_CHARACTERS]}")


def _in_order(pairs: list[tuple[int, Any]], source: str) -> tuple[Any, ...]:
    by_index = dict(pairs)
    if len(by_index) < len(pairs):
        twice = next(index for index, count in Counter(index for index, _ in pairs).items() if count > 1)
        raise ModelError(f"Expected `labels` with every index once; {source} has {twice} twice.")
    missing = sorted(set(range(len(pairs))) - set(by_index))
    if missing:
        raise ModelError(
            f"Expected `labels` with every index from 0 to {len(pairs) - 1}, as there are {len(pairs)} names; "
            f"{source} has no {missing[0]}."
        )
    return tuple(by_index[index] for index in range(len(pairs)))


def _different(names: tuple[str, ...], source: str) -> tuple[str, ...]:
    if not any(names):
        raise ModelError(f"Expected `labels` to be names, such as cat,dog; received none in {_short(source)}.")
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        if _LONE_SURROGATE.search(name):
            raise ModelError(
                f"Expected `labels` to be text; number {number} in {_short(source)} is not: {brief(name)!a}."
            )
        if not name:
            raise ModelError(f"Expected `labels` to be different names; number {number} in {_short(source)} is blank.")
        if composed(name) in seen:
            raise ModelError(
                f"Expected `labels` to be different names; {_short(source)} has {brief(name)} twice. Of ImageNet's "
                "classes, which share two, Keras' imagenet_class_index.json has the ids too."
            )
        seen.add(composed(name))
    return names


def _misshapen(source: str, what: str) -> ModelError:
    return ModelError(f"Expected `labels` to be a file with {_SHAPES}; of {source}, {what}.")


def _shown(labels: Sequence[str]) -> str:
    return f"{len(labels)}: " + ",".join(map(brief, labels[:_SHOWN])) + (",..." if len(labels) > _SHOWN else "")


def _short(source: str) -> str:
    return repr(source if len(source) <= _SHOWN_CHARACTERS else f"{source[:_SHOWN_CHARACTERS]}...")
