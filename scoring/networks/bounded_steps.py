"""Steps of a Keras network whose values stay within bounds: near these, much of what leads to them does not show."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from scoring.networks.graph_steps import Step, has_kernel, step_of

if TYPE_CHECKING:
    import keras

# Names of functions, layers and operations, in small letters and without `_`.
_BOUNDED = frozenset(
    ("clip", "erf", "hardsigmoid", "hardtanh", "sigmoid", "softmax", "softsign", "sparsemax", "tanh")
)  # fmt: skip
# What multiplies several tensors with each other: without bounds, products of products exceed all numbers.
_PRODUCTS = ("Dot", "Einsum", "Matmul", "Multiply")


def last_bounded(model: "keras.Model") -> list[Any]:
    """The layers and operations of bounded values that outputs are reached from without another kernel between."""
    return _walk(model.outputs, _is_kernel)[0]


def all_bounded(model: "keras.Model") -> list[Any]:
    """The same with those below kernels, but for what is multiplied there, as gates and weights of attention are."""
    found, below = _walk(model.outputs, _is_kernel)
    return _by_identity([*found, *_walk(below, _is_product)[0]])


@contextmanager
def left_out(operations: Iterable[Any]) -> Iterator[None]:
    """Let layers and operations pass on what their bounds take, wherever a model is traced while the block runs."""
    with ExitStack() as stack:
        for operation in operations:
            stack.enter_context(_left_out(operation))
        yield


@contextmanager
def _left_out(operation: Any) -> Iterator[None]:
    name = "activation" if "activation" in vars(operation) else "call"
    own = vars(operation).get(name)
    setattr(operation, name, lambda values, *_, **__: values)
    try:
        yield
    finally:
        delattr(operation, name)  # what its class has is seen again
        if own is not None:
            setattr(operation, name, own)


def _walk(
    tensors: "Iterable[keras.KerasTensor]", is_end: Callable[[Step], bool]
) -> "tuple[list[Any], list[keras.KerasTensor]]":
    """What has bounds among the steps that led to tensors, and what the steps took where it ends."""
    found: list[Any] = []
    taken: list[keras.KerasTensor] = []
    seen, waiting = set(), list(tensors)
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen or (step := step_of(tensor)) is None:
            continue
        seen.add(id(tensor))
        if step.within is not None:
            waiting += [step.within, *step.inputs]
            continue
        wrapped = _wrapped(step.operation)
        waiting += getattr(wrapped, "outputs", None) or []
        found += [wrapped] if _is_bounded(wrapped) else []
        (taken if is_end(step) else waiting).extend(step.inputs)
    return _by_identity(found), taken


def _wrapped(operation: Any) -> Any:
    """What is within `TimeDistributed` and its like."""
    import keras

    return _wrapped(operation.layer) if isinstance(operation, keras.layers.Wrapper) else operation


def _is_bounded(operation: Any) -> bool:
    """By its activation, or by itself; a recurrent layer's activation belongs to its cell."""
    function = vars(operation).get("activation", operation)
    name = str(getattr(function, "__name__", type(function).__name__))
    return name.lower().replace("_", "") in _BOUNDED


def _is_kernel(step: Step) -> bool:
    return has_kernel(step.operation)


def _is_product(step: Step) -> bool:
    return step.kind in _PRODUCTS and len(step.inputs) > 1


def _by_identity(operations: Iterable[Any]) -> list[Any]:
    return list({id(each): each for each in operations}.values())
