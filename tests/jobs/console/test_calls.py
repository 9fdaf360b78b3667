import inspect
import math
import os
import re
from collections.abc import Callable, Sequence
from enum import Enum
from fractions import Fraction
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, get_args, get_origin

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from jobs import api
from jobs.cli import COMMANDS, app
from jobs.console.plain_values import flag_of, list_of, number_of, words_of
from jobs.score.model_options import Precision, model_request
from scoring.errors import RequestError
from scoring.storage.locations import Url


def _texts() -> list[tuple[str, Any]]:
    """Every option and argument of every command that takes more than a yes."""
    commands = {name: typer.main.get_command(import_module(module).app) for name, module in COMMANDS.items()}
    return [
        (name, parameter)
        for name, command in commands.items()
        if name != "submit"
        for parameter in command.params
        if parameter.name != "help" and not getattr(parameter, "is_flag", False)
    ]


@pytest.mark.parametrize(
    ("name", "parameter"), [pytest.param(*each, id=f"{each[0]}-{each[1].name}") for each in _texts()]
)
def test_an_empty_word_is_refused_by_name_and_never_taken_for_none(
    name: str, parameter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.init", lambda **options: pytest.fail("Ray was started"))
    monkeypatch.chdir(tmp_path)
    of_command = [other for command, other in _texts() if command == name]
    words = [name]
    for other in of_command:
        value = "" if other.name == parameter.name else "x"
        if other.required or other.name == parameter.name:
            words += [value] if other.param_type_name == "argument" else [other.opts[0], value]
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 200)
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 2
    shown = parameter.name.upper() if parameter.param_type_name == "argument" else parameter.opts[0]
    by_us = f"error: Expected a value for {shown}; received empty text, which a shell makes of a variable"
    assert by_us in ended.stderr or f"Invalid value for '{shown}'" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--address", "", "--", "score", "--images", "/x", "--output", "/y"], "--address"),
        (["--", "score", "--images", "/x", "--output", "/y", "--sonar-model", ""], "--sonar-model"),
        (["--", "finetune", "--images", "/x", "--output", "/y", "--weights", "random", "--weights", ""], "--weights"),
    ],
)
def test_an_empty_word_is_not_submitted(monkeypatch: pytest.MonkeyPatch, words: list[str], shown: str) -> None:
    monkeypatch.setattr("jobs.submit.submit_job", lambda settings, address: pytest.fail("a job was submitted"))
    ended = CliRunner().invoke(app, ["submit", *words])
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert f"Expected a value for {shown}; received empty text" in ended.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": ""}, "a value for `weights`"),
        ({"labels": ["cat", ""]}, "a value for `labels`"),
        ({"labels": []}, "names in `labels`; received an empty list"),
    ],
)
def test_of_a_model_too(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=f"Expected {message}"):
        model_request("resnet50", **options)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (("cat", "dog"), "cat,dog"),
        (np.array(["cat", "dog"]), "cat,dog"),
        (pd.Index(["cat", "dog"]), "cat,dog"),
        (pd.Series(["cat", "dog"]), "cat,dog"),
        ({"dog": 1, "cat": 0}, "cat,dog"),
        ({1: "dog", 0: "cat"}, "cat,dog"),
        ({np.int64(1): "dog", np.int64(0): "cat"}, "cat,dog"),
        ({"dog": np.int64(1), "cat": np.int64(0)}, "cat,dog"),
        (["tabby, tabby cat", "dog"], '["tabby, tabby cat", "dog"]'),
        ({0: "cat,lynx", 1: "dog"}, '["cat,lynx", "dog"]'),
        (["[a]", "[b]"], "[a],[b]"),
        (["0:30", "1:15"], '["0:30", "1:15"]'),
        ({0: "0:30", 1: "1:15"}, '["0:30", "1:15"]'),
        (["1 dog", "0 cat"], '["1 dog", "0 cat"]'),
    ],
)
def test_labels_are_taken_in_the_order_that_they_are_given_and_those_of_a_dict_in_that_of_the_indices(
    labels: Any, text: str
) -> None:
    assert model_request("x.keras", labels=labels).labels == text


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"cat", "dog"}, "`labels` to be one text, or a list in the order that counts; received set"),
        ((name for name in ("cat", "dog")), "in the order that counts; received generator"),
        ({"cat": 0, "dog": 1}.keys(), "in the order that counts; received dict_keys"),
        (pd.DataFrame({"cat": [0], "dog": [1]}), "in the order that counts; received DataFrame"),
        (pd.Series({1: "dog", 0: "cat"}), "in the order that counts; received Series"),
        (np.array([["cat"], ["dog"]]), "in the order that counts; received ndarray"),
        (b"cat,dog", "in the order that counts; received bytes"),
        ([0, 1], "`labels` to be a list of texts; received 0 in it"),
        (["cat", None], "`labels` to be a list of texts; received None in it"),
        ([Path("cat"), Path("dog")], "`labels` to be a list of texts; received PosixPath"),
        (np.array(["cat", ""]), "a value for `labels`; received empty text"),
        (np.array([], str), "names in `labels`; received an empty list"),
        ({}, "`labels` to be names, such as cat,dog; received none"),
        ({1: "cat", 2: "dog"}, "`labels` with every index from 0 to 1, .* has no 0"),
        ({"cat": 0, "dog": 0}, "`labels` with every index once; the dict has 0 twice"),
        ({0: "cat", "0": "dog"}, '"0" twice'),
        ({"cat": "dog"}, 'its key "cat" is no index'),
        ({0: {"cat"}, 1: {"dog"}}, 'a dict as `labels` to be of names and their indices, {0: "cat"} or {"cat": 0}'),
        ({0.5: "cat"}, "a dict as `labels` to be of names and their indices"),
    ],
)
def test_labels_without_an_order_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        model_request("x.keras", labels=labels)
    assert "\n" not in str(refused.value)


def _lists() -> list[tuple[Callable[..., object], str]]:
    """Every field of a function for Python that takes a list."""
    functions = [value for name in api.__all__ if inspect.isfunction(value := getattr(api, name))]
    return [
        (function, name)
        for function in functions
        for name, each in inspect.signature(function).parameters.items()
        if any(get_origin(kind) is Sequence for kind in get_args(each.annotation))
    ]


@pytest.mark.parametrize("given", [{"mean", "max"}, {"mean": 0, 1: "max"}, [["mean"]], []], ids=type)
def test_every_list_is_one_that_has_an_order_and_holds_texts(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.init", lambda **options: pytest.fail("Ray was started"))
    of_finetune = ["base", "weights", "pooling", "size", "pixels"]
    assert [name for _, name in _lists()] == ["pooling", *of_finetune, "labels", "protocol", "model"]
    for function, name in _lists():
        parameters = inspect.signature(function).parameters
        required = {key: "x" for key, each in parameters.items() if each.default is inspect.Parameter.empty}
        images = {"images": "x"} if "images" in parameters else {}
        with pytest.raises(RequestError, match=f"`{name}`"):
            function(**required | images | {name: given})


@pytest.mark.parametrize("given", [5, object(), {"a": "b"}, ["a", "b"], ("a",), b"a", np.array(["a"])], ids=type)
def test_what_is_no_text_or_path_is_never_taken_for_its_name(
    given: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.init", lambda **options: pytest.fail("Ray was started"))
    monkeypatch.chdir(tmp_path)
    for name in api.__all__:
        if not inspect.isfunction(function := getattr(api, name)):
            continue
        parameters = inspect.signature(function).parameters
        required = {key: "x" for key, each in parameters.items() if each.default is inspect.Parameter.empty}
        for field, each in parameters.items():
            kinds = set(get_args(each.annotation) or (each.annotation,))
            if str not in kinds or not kinds <= {str, Path, Url, type(None)}:
                continue
            values = [given] if type(None) in kinds else [given, None]
            for value in values:
                with pytest.raises(RequestError, match=f"Expected `{field}` to be (a|text).*; received ") as refused:
                    function(**required | {field: value})
                assert len(str(refused.value)) < 200
    assert list(tmp_path.iterdir()) == []


def test_a_whole_number_of_a_command_line_is_of_digits_alone_in_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 200)
    for words in ("1_6", "٨", "8.0"):
        for flag in ("--batch-size", "--shard-size", "--seed", "--size"):
            ended = CliRunner().invoke(app, ["score", "--images", "x", "--output", "y", flag, words])
            assert (ended.exit_code, words in ended.stderr) == (2, True)
            assert f"Expected {flag}" in ended.stderr


def test_a_result_stands_for_its_folder(tmp_path: Path) -> None:
    run: Any = api.Run(tmp_path / "run", None, None)
    with pytest.raises(api.RunFolderError, match=f"^Expected a run folder .*; {run.path} is no folder"):
        api.status(run)
    bucket: Any = api.Run(Url("s3", "bucket", "model"), None, None)
    assert model_request(bucket).model == "s3://bucket/model"


class _CloudPath:
    """As other libraries have them: no path of this machine."""

    def joinpath(self, *parts: str) -> "_CloudPath":
        return self

    def __str__(self) -> str:
        return "s3://bucket/model"


def test_paths_of_other_libraries_are_taken(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    [entry] = os.scandir(tmp_path)
    given: list[tuple[Any, str]] = [
        (entry, str(tmp_path / "model")),
        (PurePosixPath("models/a"), "models/a"),
        (_CloudPath(), "s3://bucket/model"),
        (np.str_("resnet50"), "resnet50"),
        (Path("/models/a b.keras").as_uri(), "/models/a b.keras"),
    ]
    for value, text in given:
        request = model_request(value, weights=value, labels=value)
        assert [request.model, request.weights, request.labels] == [text] * 3


class _Names(str, Enum):  # noqa: UP042  # one whose str() is not its text
    FOLDER, MODEL, LABELS, PRECISION = "runs/x", "resnet50", "cat,dog", "bfloat16"


class _Named(os.PathLike[str]):
    def __fspath__(self) -> str:
        return _Names.FOLDER


def test_text_of_a_class_of_its_own_is_what_it_holds_in_every_argument(tmp_path: Path) -> None:
    for name in api.__all__:
        if not inspect.isfunction(function := getattr(api, name)):
            continue
        for field, each in inspect.signature(function).parameters.items():
            if str in (each.annotation, *get_args(each.annotation)):
                for value in (_Names.FOLDER, np.str_("runs/x")):
                    assert type(words_of(value, each.annotation, field)) is str, (name, field)
            if Path in get_args(each.annotation):
                assert type(words_of(_Named(), each.annotation, field)) is str, (name, field)
    for function, field in _lists():
        annotation = inspect.signature(function).parameters[field].annotation
        assert list(map(type, list_of([_Names.MODEL], annotation, field))) == [str]
    assert words_of(Precision.AUTO, Precision | str, "precision") is Precision.AUTO
    request = model_request(_Names.MODEL, labels=_Names.LABELS, precision=_Names.PRECISION)
    assert (request.model, request.labels, request.precision) == ("resnet50", "cat,dog", Precision.BFLOAT16)
    with pytest.raises(api.RunFolderError, match=f"; {tmp_path}/runs/x "):
        api.status(type("Here", (str,), {"__str__": lambda self: "elsewhere"})(tmp_path / "runs/x"))


_WHOLE, _ANY = ["shard_size", "actors"], ["gpus_per_actor", "cpus_per_actor", "shard_deadline", "read_timeout"]


@pytest.mark.parametrize(
    ("function", "fields"),
    [
        (api.score, [*_WHOLE, "seed"]),
        (api.embed, _WHOLE),
        (api.finetune, [*_WHOLE, "folds", "ensemble", "validation", "seed", "epochs"]),
        (api.sonar, ["seed", "actors"]),
    ],
)
def test_a_whole_number_of_numpy_is_one_and_what_is_none_is_refused_by_name(
    function: Callable[..., object], fields: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.init", lambda **options: pytest.fail("Ray was started"))
    monkeypatch.chdir(tmp_path)
    parameters = inspect.signature(function).parameters
    assert {name for name, each in parameters.items() if each.annotation in (int, int | None)} == set(fields)
    required = {name: "x" for name, each in parameters.items() if each.default is inspect.Parameter.empty}
    for field in fields:
        for value in (32.0, np.float64(32), "32", [32], math.nan, True, np.False_):
            with pytest.raises(RequestError, match=f"Expected `{field}` to be a whole number; received ") as refused:
                function(**required | {field: value})
            assert "\n" not in str(refused.value)


@pytest.mark.parametrize("function", [api.score, api.embed, api.finetune, api.sonar, api.submission])
def test_a_number_that_overflows_is_one_line_whatever_takes_it(
    function: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parameters = inspect.signature(function).parameters
    required = {name: "x" for name, each in parameters.items() if each.default is inspect.Parameter.empty}
    takes = {
        name: {int, float} & set(get_args(each.annotation) or (each.annotation,)) for name, each in parameters.items()
    }
    fields = [name for name, kinds in takes.items() if kinds]
    assert fields
    for field in fields:
        for value in (
            10**400,
            -(10**400),
            10**5000,
            np.uint64(2**64 - 1) if int in takes[field] else Fraction(10**400),
        ):
            with pytest.raises(
                RequestError, match=rf"Expected `{field}` to be a .*number of at most \d+ digits"
            ) as refused:
                function(**required | {field: value})
            assert len(str(refused.value)) < 120


def _flags() -> list[tuple[Callable[..., object], str]]:
    """Every field of a function for Python that takes a yes or a no alone."""
    functions = [value for name in api.__all__ if inspect.isfunction(value := getattr(api, name))]
    return [
        (function, name)
        for function in functions
        for name, each in inspect.signature(function).parameters.items()
        if bool in (each.annotation, *get_args(each.annotation))
    ]


def test_a_text_is_no_yes() -> None:
    named = {(function.__name__, name) for function, name in _flags()}
    assert named >= {("score", "overwrite"), ("score", "dry_run"), ("submission", "partial"), ("status", "verify")}
    assert named >= {("score", "verbose"), ("status", "verbose")}
    for function, name in _flags():
        parameters = inspect.signature(function).parameters
        required = {key: "x" for key, each in parameters.items() if each.default is inspect.Parameter.empty}
        given: list[Any] = ["False", "0", "no", [], 2, math.nan, np.array([True]), pd.NA, pd.Series([1]), object()]
        for value in given:
            with pytest.raises(RequestError, match=f"Expected `{name}` to be True or False; received "):
                function(**required | {name: value})


@pytest.mark.parametrize("value", [True, False, np.True_, np.False_, 1, 0, np.int64(1), None])
def test_a_yes_or_no_becomes_pythons_own(value: object) -> None:
    assert flag_of(value, bool, "field") is bool(value)
    assert flag_of(value, bool | int, "field") is value


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_no_generator_takes_is_refused_before_anything_is_read(seed: int, tmp_path: Path) -> None:
    calls: list[tuple[Callable[..., object], dict[str, Any]]] = [
        (api.score, {"sonar": "uci"}),
        (api.finetune, {"images": tmp_path}),
        (api.sonar, {}),
    ]
    for function, options in calls:
        with pytest.raises(RequestError, match=rf"Expected `seed` from 0 to 4000000000; received {seed}\."):
            function(output=tmp_path / "output", seed=seed, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("function", "given", "told"),
    [
        (api.score, {"output": "y", "image": "x"}, "score() takes no `image`. Did you mean `images`?"),
        (api.finetune, {"image": "x"}, "finetune() takes no `image`. Did you mean `images`?"),
        (api.finetune, {"images": "x"}, "finetune(): missing a required argument: 'output'."),
        (api.report, {"zzz": 1}, "report() takes no `zzz`. It takes folder, output, images, no_verify, verbose."),
    ],
)
def test_a_name_that_a_function_does_not_take_is_told_with_a_near_one(
    function: Callable[..., object], given: dict[str, Any], told: str
) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(told)}$"):
        function(**given)


@pytest.mark.parametrize("value", [pd.NA, pd.Series([16, 32]), pd.DataFrame({"a": [1]}), np.array([1, 2])], ids=type)
def test_what_is_no_batch_size_is_refused_in_one_line(value: Any) -> None:
    with pytest.raises(RequestError, match=r"^Expected `batch_size` to be a number or auto; received [^\n]*\.$"):
        api.embed(images="photos", model="vgg16-imagenet", output="o", batch_size=value)


@pytest.mark.parametrize("field", _ANY)
@pytest.mark.parametrize("value", ["1", math.nan, 1j, True, np.True_])
def test_what_is_no_number_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(RequestError, match=f"Expected `{field}` to be a number; received "):
        api.score(images="x", output="y", **{field: value})


@pytest.mark.parametrize("value", [True, False])
def test_a_probability_is_no_yes_or_no(value: Any) -> None:
    for field in ("fallback", "clip", "threshold"):
        with pytest.raises(RequestError, match=f"Expected `{field}` to be a number; received {value}"):
            api.submission("x", **{field: value})


@pytest.mark.parametrize(
    ("value", "annotation", "number"),
    [
        (np.int64(32), int | None, 32),
        (np.uint8(1), int, 1),
        (np.float32(0.5), float | None, 0.5),
        (np.int64(2), float, 2.0),
        (Fraction(1, 2), float, 0.5),
        (None, int | None, None),
        ("auto", int | str | None, "auto"),
    ],
)
def test_numbers_become_pythons_own(value: object, annotation: object, number: object) -> None:
    made = number_of(value, annotation, "field")
    assert (made, type(made)) == (number, type(number))
