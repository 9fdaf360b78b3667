"""What is told of a network's output by the layers that it comes through, read from the architecture without Keras."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

Config: TypeAlias = dict[str, Any]
_Place: TypeAlias = tuple[str, int, int]  # a layer, which of its calls, and which of that call's outputs

_COMPILED = "compile_config"  # which models have
_LISTS = ("Sequential", "Pipeline")  # whose layers are called one after the other

T = TypeVar("T")


@dataclass(frozen=True)
class _Graph(Generic[T]):
    """A network while it is followed back.

    Attributes:
        layers: By name.
        entered: What tells of each of its inputs, if it is nested in another.
        found: What was told of places before: branches that meet again are followed once.
    """

    layers: dict[str, Config]
    entered: dict[_Place, Callable[[], T]]
    found: dict[_Place, T] = field(default_factory=dict)


@dataclass(frozen=True)
class ArchitectureWalk(Generic[T]):
    """How an output is followed back, through nested networks, too.

    Attributes:
        stated: What a network, given its architecture and its output's name, says of this output itself; None leaves
            it to its layers. The name is None where it has one output.
        told: What a layer that is no network tells of what it gives, given what is told of each of its inputs, which
            is found where it is looked at. Of a network whose layers are not written it is asked, too.
        of_pixels: What is told of what a network takes that is nested in no other, and of what a layer gives that
            cannot be read.
    """

    stated: Callable[[Config, str | None], T | None]
    told: Callable[[Config, Iterator[T]], T]
    of_pixels: T

    def of_output(self, model: Config, output: str | int | None = None, entered: Sequence[Callable[[], T]] = ()) -> T:
        """What is told of one output of a network.

        Args:
            model: Its architecture, as in a `.keras` file.
            output: Its name, or its place among several; None is the only one.
            entered: What tells of each of the network's inputs, if it is nested in another.

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
        if _is_list(model):
            return self._listed(layers, next(iter(entered), lambda: self.of_pixels))
        [place] = named.values() if name is None else [named[name]]
        by_name = {layer.get("name") or layer["config"]["name"]: layer for layer in layers}
        inputs = dict(zip(_places(model["config"].get("input_layers")), entered, strict=False))
        return self._through(_Graph(by_name, inputs), _as_within(by_name, place))

    def _listed(self, layers: list[Config], entered: Callable[[], T]) -> T:
        """What is told of what a list of layers gives."""
        given = entered
        for layer in layers:
            if layer["class_name"] != "InputLayer":
                given = partial(_same, self._of_layer(layer, [given], 0))
        return given()

    def _through(self, graph: _Graph[T], place: _Place) -> T:
        """What is told of a tensor of a graph, from its inputs on: to follow a deep one back takes too many calls."""
        for name, layer in graph.layers.items():  # in an order in which each comes after those that it takes
            for call in range(len(layer.get("inbound_nodes", ()))):
                with suppress(LookupError, AttributeError, TypeError, ValueError):  # it may not lead to the output
                    self._within(graph, (name, call, 0))
        return self._within(graph, place)

    def _within(self, graph: _Graph[T], place: _Place) -> T:
        """What is told of a tensor of a graph.

        Args:
            graph: Where it stands.
            place: Where the tensor comes from.
        """
        if place not in graph.found:
            graph.found[place] = graph.entered[place]() if place in graph.entered else self._computed(graph, place)
        return graph.found[place]

    def _computed(self, graph: _Graph[T], place: _Place) -> T:
        name, call, output = place
        layer = graph.layers[name]
        nodes = layer["inbound_nodes"]
        taken = [partial(self._within, graph, each) for each in _tensors(nodes[call] if nodes else None)]
        return self.of_pixels if layer["class_name"] == "InputLayer" else self._of_layer(layer, taken, output)

    def _of_layer(self, layer: Config, taken: Sequence[Callable[[], T]], output: int) -> T:
        try:
            if _is_graph(layer) or _is_list(layer):
                return self.of_output(layer, output, taken)
            stated = self.stated(layer, None) if _COMPILED in layer else None
            return self.told(layer, (each() for each in taken)) if stated is None else stated
        except (LookupError, AttributeError, TypeError, ValueError):
            return self.of_pixels


def _same(told: T) -> T:
    return told


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
    layer = layers[name]
    is_beyond = _COMPILED in layer and call >= len(layer["inbound_nodes"])  # of a graph whose layers are not written
    return name, call - (_is_graph(layer) or is_beyond), output


def _is_graph(layer: Config) -> bool:
    """Whether a layer is a network, and no list of layers."""
    return "layers" in layer["config"] and "output_layers" in layer["config"]


def _is_list(layer: Config) -> bool:
    """Whether a layer calls others one after the other."""
    return layer["class_name"] in _LISTS


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
