"""What a Keras model's last layers tell of its outputs: which output there is to take, and what was computed last."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scoring.errors import ModelError
from scoring.networks.graph_steps import step_of

if TYPE_CHECKING:
    import keras

# What `last_activation` says; anything else is the name of what the model ends in, such as `tanh` or `Rescaling`.
SOFTMAX, LOG_SOFTMAX, SIGMOID, NONE = "softmax", "log-softmax", "sigmoid", "none"
# Names of functions, layers and operations, in small letters and without `_`.
_TELLING = {"softmax": SOFTMAX, "sigmoid": SIGMOID, "linear": NONE, "logsoftmax": LOG_SOFTMAX}
_ALONG_AN_AXIS = ("softmax", "logsoftmax")
# Layers and operations after which values mean what they meant before.
PASSING = ("Average", "Cast", "Dropout", "Flatten", "GlobalAveragePooling2D", "Identity", "Reshape", "Squeeze")


def single_output(model: "keras.Model", output_name: str | None, source: str) -> "keras.Model":
    """The same model with one output, of shape (batch, num_outputs).

    Args:
        model: Its outputs may be a tensor, a list or a dictionary.
        output_name: Which of several; None takes the only one.
        source: The model's name in messages.

    Raises:
        ModelError: If there are several and none is named, no such one, or one of another shape.
    """
    import keras

    outputs = _named_outputs(model)
    names = ", ".join(outputs)
    if output_name is None and len(outputs) != 1:
        raise ModelError(f"Expected `output_name` for {source}, which has the outputs {names}; received none.")
    if output_name is not None and output_name not in outputs:
        raise ModelError(f"Expected `output_name` to be one of {names} of {source}; received {output_name}.")
    tensor = outputs[output_name] if output_name is not None else next(iter(outputs.values()))
    shape = tuple(tensor.shape)
    if len(shape) != 2 or shape[1] is None:
        raise ModelError(
            f"Expected a classifier with outputs of shape (None, num_classes); {source} has {shape}.{_advice(shape)}"
        )
    is_alone = len(outputs) == 1 and not isinstance(_structure(model), dict | list | tuple)
    return model if is_alone else keras.Model(model.inputs, tensor)


def _advice(shape: tuple[int | None, ...]) -> str:
    """What to put behind a model whose outputs are maps; nothing of other outputs."""
    if len(shape) != 4 or shape[-1] is None:
        return ""
    if shape[1:3] == (1, 1):
        return " Save it with keras.layers.Flatten() behind."
    return " If each place has all classes, save it with keras.layers.GlobalAveragePooling2D() behind."


def last_activation(model: "keras.Model") -> str:
    """What a model of one output computes last.

    Returns:
        `softmax`, `log-softmax`, `sigmoid`, `none` for logits, or the name of another function or layer.
    """
    return _last_activation(model.outputs[0], {})


def _named_outputs(model: "keras.Model") -> "dict[str, keras.KerasTensor]":
    structure = _structure(model)
    if isinstance(structure, dict):
        import keras

        return {"/".join(map(str, path)): tensor for path, tensor in keras.tree.flatten_with_path(structure)}
    names = getattr(model, "output_names", None) or [model.layers[-1].name]  # a Sequential model has none
    if len(set(names)) != len(model.outputs):
        names = [str(index) for index in range(len(model.outputs))]
    return dict(zip(names, model.outputs, strict=True))


def _structure(model: "keras.Model") -> Any:
    """Outputs as the model's author wrote them."""
    try:
        return model.output
    except AttributeError:  # a Sequential model, which has one
        return model.outputs[0]


def _last_activation(tensor: "keras.KerasTensor", entered: dict[int, str]) -> str:
    """What was computed last of a tensor.

    Args:
        tensor: Of a graph.
        entered: What was computed last of the graph's inputs, by identity, if it is that of a nested network.
    """
    step = step_of(tensor)
    if step is None:  # the user is asked then
        return "unknown"
    if id(tensor) in entered:
        return entered[id(tensor)]
    if step.kind in PASSING:
        return _agreed(_last_activation(each, entered) for each in step.inputs)
    if step.within is not None:
        within = {id(entry): _last_activation(taken, entered) for entry, taken in step.entries}
        return _last_activation(step.within, within)
    function = getattr(step.operation, "activation", None)
    if function is None:
        return _told(step.operation, len(tensor.shape)) or step.kind
    if step.kind == "Activation" and _name(function) == "linear":
        return _agreed(_last_activation(each, entered) for each in step.inputs)
    return _told(function, len(tensor.shape)) or _name(function)


def _told(function: Any, rank: int) -> str | None:
    """What a function, a layer or an operation tells by its name; None if nothing, or if it runs along another axis."""
    name = _name(function).lower().replace("_", "")
    if name in _ALONG_AN_AXIS and getattr(function, "axis", -1) not in (-1, rank - 1):
        return None
    return _TELLING.get(name)


def _name(function: Any) -> str:
    """The name of a function, or of the layer or operation that stands for one."""
    return str(getattr(function, "__name__", type(function).__name__))


def _agreed(told: Iterable[str]) -> str:
    """What all of them tell, or all names."""
    return " and ".join(dict.fromkeys(told))
