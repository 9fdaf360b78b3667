import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.models.model_request import ModelRequest
from scoring.models.output_meaning import OutputMeaning
from scoring.networks.compiled_loss import CompiledLoss, compiled_losses
from scoring.networks.keras_architecture import architecture
from scoring.networks.precision import Precision

pytestmark = pytest.mark.keras


def _save(path: Path, num_outputs: int, loss: Any) -> Path:
    import keras

    layers = [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(num_outputs)]
    model = keras.Sequential(layers)
    model.compile("sgd", loss)
    model.save(path)
    return path


def _loss(name: str, **settings: Any) -> Any:
    import keras

    return getattr(keras.losses, name)(**settings)


def _own(targets: Any, outputs: Any) -> Any:
    return targets - outputs


def _focal(**settings: Any) -> Any:
    """A loss of the user's own that is registered."""
    import keras

    @keras.saving.register_keras_serializable("somebodys")
    class Focal(keras.losses.Loss):  # type: ignore[misc]
        def __init__(self, from_logits: bool = False, **options: Any) -> None:
            super().__init__(**options)
            self.from_logits = from_logits

        def call(self, targets: Any, outputs: Any) -> Any:
            return targets - outputs

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "from_logits": self.from_logits}

    return Focal(**settings)


def _written(path: Path, config: Any) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    return path


def _meaning(path: Path, num_outputs: int, outputs: OutputMeaning | None = None) -> tuple[str, bool]:
    labels = ",".join("abc"[: max(num_outputs, 2)])
    request = ModelRequest(str(path), None, labels, Precision.FLOAT32, "tensorflow", outputs=outputs)
    reading = request.load().reading
    return reading.kind, reading.from_logits


@pytest.mark.parametrize(
    ("loss", "num_outputs"),
    [
        (lambda: _loss("SparseCategoricalCrossentropy", from_logits=True), 3),
        (lambda: _loss("CategoricalCrossentropy", from_logits=True), 3),
        (lambda: _loss("CategoricalFocalCrossentropy", from_logits=True), 3),
        (lambda: _loss("BinaryCrossentropy", from_logits=True), 1),
        (lambda: _loss("BinaryFocalCrossentropy", from_logits=True), 1),
        (lambda: [_loss("BinaryCrossentropy", from_logits=True)], 1),
        (lambda: _focal(from_logits=True), 1),
        (lambda: None, 3),
    ],
)
def test_a_loss_of_logits_and_none_leave_logits(tmp_path: Path, loss: Any, num_outputs: int) -> None:
    kind = "sigmoid" if num_outputs == 1 else "probabilities"
    assert _meaning(_save(tmp_path / "m.keras", num_outputs, loss()), num_outputs) == (kind, True)


@pytest.mark.parametrize(
    ("loss", "num_outputs", "message"),
    [
        (lambda: "mse", 1, "mse, which it was compiled with, takes them for the values themselves"),
        (lambda: "mse", 3, "logits takes a softmax of them, multi-label a sigmoid of each, probabilities"),
        (lambda: _loss("Huber"), 3, "Huber, which it was compiled with, takes them for the values themselves"),
        (lambda: [_loss("MeanAbsoluteError")], 1, "logits takes the sigmoid of them, probabilities takes them as they"),
        (lambda: _loss("BinaryCrossentropy", from_logits=True), 3, "the logits of labels that stand by themselves"),
        (lambda: _loss("BinaryCrossentropy"), 1, "takes them for probabilities, not for logits"),
        (lambda: "crossentropy", 3, "takes them for probabilities, not for logits"),
        (lambda: _loss("SparseCategoricalCrossentropy", from_logits=True), 1, "which is always 1 over one output"),
        (lambda: _own, 3, "_own, which it was compiled with, is none of Keras' losses. Name `outputs`: logits takes"),
        (lambda: [_own], 1, "_own, which it was compiled with, is none of Keras' losses"),
        (lambda: _focal(), 1, "Focal, which it was compiled with, is none of Keras' losses"),
        (lambda: _focal(from_logits=True), 3, "Focal, which it was compiled with, is none of Keras' losses"),
    ],
)
def test_a_loss_that_does_not_take_outputs_for_logits_is_asked_about(
    tmp_path: Path, loss: Any, num_outputs: int, message: str
) -> None:
    """Trained with mean squared error on 0 and 1, every output above 0 was the second label."""
    path = _save(tmp_path / "m.keras", num_outputs, loss())
    with pytest.raises(ModelError, match=r"Cannot tell what the outputs of .*m\.keras mean") as refused:
        _meaning(path, num_outputs)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert _meaning(path, num_outputs, OutputMeaning.LOGITS)[1]


def _trained(units: int, loss: Any, activation: str | None = None) -> Any:
    """A network of maps' means, compiled with a loss."""
    import keras

    layers = [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(units, activation)]
    network = keras.Sequential(layers)
    network.compile("sgd", loss)
    return network


def _unwritten(loss: Any) -> Any:
    """The same of a class like those of KerasHub, which do not write their layers."""
    import keras

    @keras.saving.register_keras_serializable("somebodys")
    class Classifier(keras.Model):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            pixels = keras.Input((8, 8, 3))
            means = keras.layers.GlobalAveragePooling2D()(pixels)
            super().__init__(pixels, keras.layers.Dense(3)(means), **options)

        def get_config(self) -> dict[str, Any]:
            return {"name": self.name}

    network = Classifier()
    network.compile("sgd", loss)
    return network


def _two_heads(outputs_of: Callable[[dict[str, Any]], Any], loss: Any) -> Any:
    """A network with an age, which comes second by its name, and a breed; both of a dense layer of another name."""
    import keras

    pixels = keras.Input((8, 8, 3))
    means = keras.layers.GlobalAveragePooling2D()(pixels)
    made = {name: keras.layers.Dense(3, name=f"dense_{name}")(means) for name in ("years", "breed")}
    network = keras.Model(pixels, outputs_of(made))
    network.compile("sgd", loss)
    return network


def _around(build: Callable[[Any, Any], Any], loss: Any = None) -> Any:
    """A network that stands around another, not compiled itself where no loss is given."""
    import keras

    pixels = keras.Input((8, 8, 3))
    network = keras.Model(pixels, build(keras, keras.layers.Rescaling(1 / 255)(pixels)))
    if loss:
        network.compile("sgd", loss)
    return network


_NESTED: dict[str, Callable[[Any, Any], Any]] = {
    "last": lambda k, x: _trained(3, "mse")(x),
    "behind a pipeline": lambda k, x: _trained(3, "mse")(k.layers.Pipeline([k.layers.Resizing(8, 8)])(x)),
    "of a class that writes no layers": lambda k, x: _unwritten("mse")(x),
    "of such a class, called twice": lambda k, x: (network := _unwritten("mse"))(x * k.ops.mean(network(x))),
    "of such a class, in a list": lambda k, x: k.Sequential([k.Input((8, 8, 3)), _unwritten("mse")])(x),
    "of a nested network": lambda k, x: k.Sequential([k.Input((8, 8, 3)), _trained(3, "mse")])(x),
    "below layers that pass it": lambda k, x: k.layers.Reshape((3,))(
        k.layers.Activation("linear", dtype="float32")(k.layers.Dropout(0.1)(_trained(3, "mse")(x)))
    ),
    "passed by another network": lambda k, x: k.Sequential([k.Input((3,)), k.layers.Identity()])(_trained(3, "mse")(x)),
    "averaged": lambda k, x: k.layers.Average()(
        [_trained(3, _loss("CategoricalCrossentropy", from_logits=True))(x), _trained(3, "mse")(x)]
    ),
    "called twice": lambda k, x: (network := _trained(3, "mse"))(x * k.ops.mean(network(x))),
    "of a list": lambda k, x: _two_heads(lambda made: list(made.values()), ["mse", None])(x)[0],
    "of a dictionary": lambda k, x: _two_heads(dict, {"years": "mse", "breed": None})(x)["years"],
    "of a dictionary of lists": lambda k, x: _two_heads(
        lambda made: {"years": [made["years"]], "breed": made["breed"]}, {"years": ["mse"]}
    )(x)["years"][0],
}


@pytest.mark.parametrize("kind", _NESTED)
def test_a_loss_of_the_nested_network_that_gives_the_outputs_is_asked_about(tmp_path: Path, kind: str) -> None:
    """Preprocessing is put before a trained network in this way, and nobody compiles the whole again."""
    path = tmp_path / "m.keras"
    model = _around(_NESTED[kind])
    model.save(path)
    assert CompiledLoss("mse") in compiled_losses(path, None)
    model.compile("sgd")
    model.save(path)
    with pytest.raises(ModelError, match="its last layer has no activation, and mse, which it was compiled with"):
        _meaning(path, 3)


def test_a_loss_of_the_whole_comes_before_that_of_a_network_within(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    own = CompiledLoss("_own", is_known=False)
    for loss, expected in ((_loss("BinaryCrossentropy"), CompiledLoss("BinaryCrossentropy")), (_own, own)):
        _around(_NESTED["last"], loss).save(path)
        assert compiled_losses(path, None) == [expected]


@pytest.mark.parametrize(
    "build",
    [
        lambda k, x: k.layers.Dense(3)(_trained(3, "mse")(x)),
        lambda k, x: k.layers.Dense(3)(_trained(3, _own)(x)),
        lambda k, x: k.Sequential([_trained(3, "mse"), k.layers.ReLU(), k.layers.Dense(3)])(x),
        lambda k, x: _two_heads(dict, {"years": "mse", "breed": None})(x)["breed"],
        lambda k, x: _two_heads(lambda made: list(made.values()), {"dense_years": "mse"})(x)[1],
    ],
)
def test_a_loss_of_what_stands_below_further_layers_or_of_another_output_is_not_asked(
    tmp_path: Path, build: Callable[[Any, Any], Any]
) -> None:
    _around(build).save(tmp_path / "m.keras")
    assert compiled_losses(tmp_path / "m.keras", None) == []


def test_each_of_several_outputs_has_the_loss_of_the_network_that_gives_it(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"

    def two(keras: Any, pixels: Any) -> Any:
        return {"z": keras.layers.Identity()(_trained(3, "mse")(pixels)), "a": _trained(3, "mae")(pixels)}

    _around(two).save(path)
    assert compiled_losses(path, "z") == [CompiledLoss("mse")]
    assert compiled_losses(path, "a") == [CompiledLoss("mae")]
    _around(two, {"a": "huber"}).save(path)
    assert compiled_losses(path, "z") == [CompiledLoss("mse")]
    assert compiled_losses(path, "a") == [CompiledLoss("huber")]
    _around(lambda k, x: list(_two_heads(lambda made: list(made.values()), ["mse", "mae"])(x))).save(path)
    assert compiled_losses(path, "0") == [CompiledLoss("mse")]
    assert compiled_losses(path, "1") == [CompiledLoss("mae")]


def test_a_list_of_one_loss_is_that_of_a_named_output(tmp_path: Path) -> None:
    path = _save(tmp_path / "m.keras", 3, ["mse"])
    [name] = [layer["config"]["name"] for layer in architecture(path)["config"]["layers"][-1:]]
    assert compiled_losses(path, name) == [CompiledLoss("mse")]


def test_an_output_that_a_dictionary_of_losses_leaves_out_was_compiled_with_none(tmp_path: Path) -> None:
    _two_heads(lambda made: list(made.values()), {"dense_years": "mse"}).save(tmp_path / "m.keras")
    assert compiled_losses(tmp_path / "m.keras", "dense_years") == [CompiledLoss("mse")]
    assert compiled_losses(tmp_path / "m.keras", "dense_breed") == []


def test_every_loss_of_keras_is_known(tmp_path: Path) -> None:
    import keras

    names = {name for name in vars(keras.losses) if not name.startswith("_")}
    for name in names - {"Loss", "deserialize", "get", "serialize"}:
        path = _written(tmp_path / "m.keras", {"compile_config": {"loss": name}, "config": {}})
        assert compiled_losses(path, None) == [CompiledLoss(name)]


def test_a_loss_is_found_by_the_output_that_it_belongs_to(tmp_path: Path) -> None:
    import keras

    pixels = keras.Input((4,))
    dense = {name: keras.layers.Dense(units, name=name)(pixels) for name, units in (("age", 1), ("breed", 3))}
    loss = {"age": "mse", "breed": _loss("SparseCategoricalCrossentropy", from_logits=True)}
    path = tmp_path / "m.keras"
    for outputs, given in (
        (dense, loss),
        (list(dense.values()), loss),
        (list(dense.values()), list(loss.values())),
    ):
        model = keras.Model(pixels, outputs)
        model.compile("sgd", given)
        model.save(path)
        assert compiled_losses(path, "age") == [CompiledLoss("mse")]
        assert compiled_losses(path, "breed") == [CompiledLoss("SparseCategoricalCrossentropy", from_logits=True)]


def _fitted_to_numbers(path: Path, names: str, loss: list[Any]) -> Path:
    """A dictionary of outputs, fitted: Keras takes the list of losses for them."""
    import keras

    pixels = keras.Input((8, 8, 3))
    means = keras.layers.GlobalAveragePooling2D()(pixels)
    model = keras.Model(pixels, {name: keras.layers.Dense(3, name=name)(means) for name in names})
    model.compile("sgd", loss)
    model.fit(np.zeros((2, 8, 8, 3)), {name: np.ones((2, 3)) for name in names}, verbose=0)
    model.save(path)
    return path


def test_a_list_of_losses_goes_to_a_dictionary_of_outputs_in_the_order_of_their_names(tmp_path: Path) -> None:
    logits = _loss("CategoricalCrossentropy", from_logits=True)
    path = _fitted_to_numbers(tmp_path / "m.keras", "ab", ["mse", logits])
    assert compiled_losses(path, "a") == [CompiledLoss("mse")]
    assert compiled_losses(path, "b") == [CompiledLoss("CategoricalCrossentropy", from_logits=True)]
    request = ModelRequest(str(path), None, "x,y,z", Precision.FLOAT32, "tensorflow", output_name="a")
    with pytest.raises(ModelError, match=r"mse, which it was compiled with, .*\. Name `outputs`"):
        request.load()


def test_where_a_file_does_not_tell_which_loss_is_the_outputs_each_is_held_against_it(tmp_path: Path) -> None:
    """Keras sorts a dictionary's names and no `OrderedDict`'s; files hold both in the order in which they were made."""
    path = _fitted_to_numbers(tmp_path / "m.keras", "ba", ["mse", "mae"])
    assert {loss.name for loss in compiled_losses(path, "a")} == {"mse", "mae"}
    outputs = {"a": {"b": ["b", 0, 0]}, "c": [["d", 0, 0], ["e", 0, 0]]}
    for loss, name, expected in (
        (["mse", "mae", "mae"], "a/b", ["mse", "mae", "mae"]),
        ({"a": {"b": "mse"}, "c": ["mae", "mae"]}, "a/b", ["mse"]),
        ({"a": {"b": "mse"}}, "c/0", []),
    ):
        path = _written(
            tmp_path / "nested.keras", {"compile_config": {"loss": loss}, "config": {"output_layers": outputs}}
        )
        assert [loss.name for loss in compiled_losses(path, name)] == expected
    path = _written(
        tmp_path / "one.keras", {"compile_config": {"loss": ["mse"]}, "config": {"output_layers": ["abc", 0, 0]}}
    )
    assert compiled_losses(path, "abc") == [CompiledLoss("mse")]


def test_a_loss_that_is_called_as_one_of_keras_is_not_taken_for_it(tmp_path: Path) -> None:
    config = {"compile_config": {"loss": {"class_name": "Huber", "module": "ours", "config": {}}}, "config": {}}
    found = compiled_losses(_written(tmp_path / "m.keras", config), None)
    assert found == [CompiledLoss("Huber", is_known=False)]


def test_a_lambda_is_a_loss_that_nothing_is_known_of(tmp_path: Path) -> None:
    config = {"compile_config": {"loss": {"class_name": "__lambda__", "config": {"value": ["4wIA"]}}}, "config": {}}
    found = compiled_losses(_written(tmp_path / "m.keras", config), None)
    assert found == [CompiledLoss("a lambda", is_known=False)]


@pytest.mark.parametrize(
    "config",
    [
        None,
        [],
        {},
        {"compile_config": None},
        {"compile_config": {"loss": 7}, "config": {}},
        {"compile_config": {"loss": {}}, "config": {}},
        {"compile_config": {"loss": {"class_name": "Huber", "module": "keras.losses", "config": 7}}, "config": {}},
    ],
)
def test_an_architecture_that_tells_no_loss_gives_none(tmp_path: Path, config: Any) -> None:
    assert compiled_losses(_written(tmp_path / "m.keras", config), None) == []
