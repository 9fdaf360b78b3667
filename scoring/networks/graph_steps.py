"""What computed a tensor of a Keras graph, and of what."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Step:
    """One call of a layer or an operation in a graph.

    Attributes:
        operation: What was called; a nested network stands for all that it holds.
        call: Which of its calls: layers may be shared.
        output: Which of the call's outputs the tensor is.
        inputs: The tensors that it took.
    """

    operation: Any
    call: int
    output: int
    inputs: "tuple[keras.KerasTensor, ...]"

    @property
    def kind(self) -> str:
        """The name of the operation's class."""
        return type(self.operation).__name__

    @property
    def within(self) -> "keras.KerasTensor | None":
        """The same tensor in the graph of a nested network; None where the operation is none."""
        is_nested = hasattr(self.operation, "layers") and getattr(self.operation, "outputs", None)
        return self.operation.outputs[self.output] if is_nested else None

    @property
    def entries(self) -> "list[tuple[keras.KerasTensor, keras.KerasTensor]]":
        """Each input in the graph of a nested network, and what that took for it in this call."""
        return list(zip(self.operation.inputs, self.inputs, strict=False))


def step_of(tensor: "keras.KerasTensor") -> Step | None:
    """The step that computed a tensor; None where Keras does not tell: the part that does is private."""
    try:
        operation, call, output = tensor._keras_history  # noqa: SLF001
        return Step(operation, call, output, tuple(operation._inbound_nodes[call].input_tensors))  # noqa: SLF001
    except (AttributeError, IndexError):
        return None


def has_kernel(operation: Any) -> bool:
    """Whether a layer has more than one number for a channel, as those that scale channels have; operations do not."""
    return any(len(weight.shape) > 1 for weight in getattr(operation, "weights", []))
