"""What is told of a network's output by the layers that it comes through, read from the architecture without Keras."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

Config: TypeAlias = dict[str, Any]
_Place: TypeAlias = tuple[str, int, int]  # a layer, which of its calls, and which of that call's outputs

T = TypeVar("T")


@dataclass(frozen=True)
class ArchitectureWalk(Generic[T]):
    """How an output is followed back, through nested networks, too.

    Attributes:
        stated: What a network, given its architecture and its output's name, says of this output itself; None leaves
            it to its layers. The name is None where it has one output.
        told: What a layer that is no network tells of what it gives, given what is told of each of its inputs, which
            is found where it is looked at.
        of_pixels: What is told of what a network takes that is nested in no other.
    """

    stated: Callable[[Config, str | None], T | None]
    told: Callable[[Config, Iterator[T]], T]
    of_pixels: T

    def of_output(self, model: Config, output: str | int | None = None, entered: Iterable[T] = ()) -> T:
        """What is told of one output of a network.

        Args:
            model: Its architecture, as in a `.keras` file.
            output: Its name, or its place among several; None is the only one.
            entered: What is told of each of the network's inputs, if it is nested in another.

        Raises:
            LookupError, TypeError, ValueError: If the architecture does not tell.
        """
        named = named_outputs(model["config"].get("output_layers"))
        name = list(named)[output] if named and isinstance(output, int) else None
        name = output if isinstance(output, str) else name
        stated = self.stated(model, name)
        if stated is not None:
            return stated
        layers = model["config"]["layers"]
        if model["class_name"] == "Sequential":
            return self._listed(layers, next(iter(entered), self.of_pixels))
        [place] = named.values() if name is None else [named[name]]
        found = dict(zip(_places(model["config"].get("input_layers")), entered, strict=False))
        by_name = {layer["config"]["name"]: layer for layer in layers}
        return self._within(by_name, _as_within(by_name, place), found)

    def _listed(self, layers: list[Config], entered: T) -> T:
        """What is told of what a list of layers gives."""
        if not layers:
            return entered
        *below, last = layers
        taken = (self._listed(below, entered) for _ in range(1))
        return entered if last["class_name"] == "InputLayer" else self._of_layer(last, taken, 0)

    def _within(self, layers: dict[str, Config], place: _Place, found: dict[_Place, T]) -> T:
        """What is told of a tensor of a graph.

        Args:
            layers: By name.
            place: Where the tensor comes from.
            found: What is told of inputs, and of what was looked at: branches that meet again are followed once.
        """
        name, call, output = place
        if place not in found:
            layer = layers[name]
            nodes = layer["inbound_nodes"]
            taken = map(partial(self._within, layers, found=found), _tensors(nodes[call] if nodes else None))
            is_input = layer["class_name"] == "InputLayer"
            found[place] = self.of_pixels if is_input else self._of_layer(layer, taken, output)
        return found[place]

    def _of_layer(self, layer: Config, taken: Iterator[T], output: int) -> T:
        if "layers" in layer["config"]:
            return self.of_output(layer, output, list(taken))
        return self.told(layer, taken)


def named_outputs(outputs: Any) -> dict[str, _Place]:
    """A network's outputs in their order, by the names that `single_output` calls them by.

    Args:
        outputs: As an architecture has them: lists, dictionaries, or only one.
    """
    leaves = dict(_leaves(outputs))
    if isinstance(outputs, dict):
        return {"/".join(path): place for path, place in leaves.items()}
    names = [name for name, _, _ in leaves.values()]
    is_unique = len(set(names)) == len(names)
    return dict(zip(names if is_unique else map(str, range(len(names))), leaves.values(), strict=True))


def function_name(function: Any) -> str | None:
    """The name of an activation, or of the layer that stands for one."""
    if isinstance(function, dict):
        function = function["config"] if function["class_name"] == "function" else function["class_name"]
    return None if function is None else str(function)


def _as_within(layers: dict[str, Config], place: _Place) -> _Place:
    """The place of an output as layers write it: Keras counts the calls of a nested graph there from one."""
    name, call, output = place
    return name, call - _is_graph(layers[name]), output


def _is_graph(layer: Config) -> bool:
    """Whether a layer is a network, and no list of layers."""
    return "layers" in layer["config"] and layer["class_name"] != "Sequential"


def _tensors(part: Any) -> Iterator[_Place]:
    """Where the tensors come from that a part of a call takes."""
    if isinstance(part, dict) and part.get("class_name") == "__keras_tensor__":
        yield tuple(part["config"]["keras_history"])
    elif isinstance(part, dict | list):
        for _, each in _parts(part):
            yield from _tensors(each)


def _places(outputs: Any) -> list[_Place]:
    """The tensors that an architecture names as inputs or outputs, whatever they are wrapped in."""
    return [place for _, place in _leaves(outputs)]


def _leaves(outputs: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], _Place]]:
    if isinstance(outputs, list) and len(outputs) == 3 and isinstance(outputs[0], str):
        yield path, tuple(outputs)
    elif outputs:
        for key, each in _parts(outputs):
            yield from _leaves(each, (*path, str(key)))


def _parts(whole: Any) -> Iterable[tuple[Any, Any]]:
    """The parts of a list or a dictionary in the order in which Keras counts them."""
    return sorted(whole.items()) if isinstance(whole, dict) else enumerate(whole)
