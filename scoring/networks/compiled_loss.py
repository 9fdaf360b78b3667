"""The loss that a `.keras` file was compiled with: whether it took outputs without an activation for logits."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoring.errors import ModelError
from scoring.networks.architecture_walk import ArchitectureWalk, Config, function_name, named_outputs
from scoring.networks.last_activation import PASSING

# Keras' losses by their classes, functions and short names, in small letters and without `_`; `crossentropy` is that of
# the kind that fits the labels, from probabilities.
_OF_A_SOFTMAX = ("categoricalcrossentropy", "categoricalfocalcrossentropy", "sparsecategoricalcrossentropy")
_OF_SIGMOIDS = ("bce", "binarycrossentropy", "binaryfocalcrossentropy")
_OF_PROBABILITIES = ("categoricalgeneralizedcrossentropy", "ce", "crossentropy")
_OF_AMOUNTS = (
    *("mae", "mape", "mse", "msle", "kld", "meanabsoluteerror", "meanabsolutepercentageerror", "meansquarederror"),
    *("meansquaredlogarithmicerror", "huber", "logcosh", "cosinesimilarity", "poisson", "kldivergence", "hinge"),
    *("squaredhinge", "categoricalhinge", "dice", "tversky", "circle", "ctc"),
)
# Also those of features, which are compared with one another, or with another network's.
_OF_VECTORS = (
    *("mae", "mse", "meanabsoluteerror", "meansquarederror", "huber", "logcosh", "cosinesimilarity", "circle"),
)
_KNOWN = (*_OF_A_SOFTMAX, *_OF_SIGMOIDS, *_OF_PROBABILITIES, *_OF_AMOUNTS)


@dataclass(frozen=True)
class CompiledLoss:
    """A loss that outputs were computed with.

    Attributes:
        name: As the file has it, such as `mse` or `BinaryCrossentropy`.
        from_logits: Whether it computes a softmax or sigmoids itself.
        is_known: Whether it is one of Keras'; what others, which users wrote, take outputs for, nothing tells.
    """

    name: str
    from_logits: bool = False
    is_known: bool = True

    @property
    def is_of_features(self) -> bool:
        """Whether outputs that it was computed of may be features as well as amounts."""
        return not self.is_known or _kind(self.name) in _OF_VECTORS

    def check(self, num_outputs: int, model: str) -> None:
        """Hold it against outputs without an activation, which are logits where nothing else is said.

        Args:
            num_outputs: Number of outputs of the model.
            model: Its name in messages.

        Raises:
            ModelError: If it took them for anything but the logits of a softmax, or of one sigmoid.
        """
        if self._is_of_logits(num_outputs):
            return
        function = "a softmax" if num_outputs > 1 else "the sigmoid"
        multi_label = ", multi-label a sigmoid of each" if num_outputs > 1 else ""
        raise ModelError(
            f"Cannot tell what the outputs of {model} mean: its last layer has no activation, and {self.name}, which "
            f"it was compiled with, {self._told(num_outputs)}. Name `outputs`: logits takes {function} of them"
            f"{multi_label}, probabilities takes them as they are."
        )

    def _is_of_logits(self, num_outputs: int) -> bool:
        """Whether it took outputs for what is read of logits; of several, an unknown one may take sigmoids."""
        fitting = _OF_A_SOFTMAX if num_outputs > 1 else _OF_SIGMOIDS
        return self.from_logits and (_kind(self.name) in fitting if self.is_known else num_outputs == 1)

    def _told(self, num_outputs: int) -> str:
        """What it tells of outputs that it does not take for such logits."""
        if not self.is_known:
            return "is none of Keras' losses"
        if _kind(self.name) in _OF_AMOUNTS:
            return "takes them for the values themselves, not for logits"
        if not self.from_logits:
            return "takes them for probabilities, not for logits"
        if num_outputs > 1:
            return "takes them for the logits of labels that stand by themselves"
        return "takes them for the logit of a softmax, which is always 1 over one output"


def compiled_losses(path: Path, output_name: str | None) -> list[CompiledLoss]:
    """The loss that one output of a `.keras` file was compiled with, as its architecture says without Keras.

    Where the whole was compiled with none for it, it is that of a nested network which gives this output.

    Args:
        path: The file.
        output_name: Which of several outputs; None if there is one.

    Returns:
        More than one where the file does not tell which of them is the output's, and where several networks' outputs
        are averaged; none if it was not compiled.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _WALK.of_output(json.loads(archive.read("config.json")), output_name)
    except (LookupError, AttributeError, TypeError, ValueError, RecursionError, zipfile.BadZipFile):
        return []


def losses_of(model: Any, output_name: str | None = None) -> list[CompiledLoss] | None:
    """The same of an architecture, as in a `.keras` file; that of a network within has its own.

    Returns:
        None if it was compiled with none.
    """
    try:
        found = _of_output(model["compile_config"]["loss"], model["config"].get("output_layers"), output_name)
        losses = [loss for loss in found if loss is not None]
        return [known for known in map(_read, losses) if known] if losses else None
    except (LookupError, AttributeError, TypeError, ValueError, RecursionError):
        return None


def _passed(layer: Config, taken: Iterator[list[CompiledLoss]]) -> list[CompiledLoss]:
    """The losses of what a layer takes, where it gives the same; those of what is below other layers are not its."""
    is_linear = layer["class_name"] == "Activation" and function_name(layer["config"]["activation"]) == "linear"
    return [loss for each in taken for loss in each] if is_linear or layer["class_name"] in PASSING else []


def _of_output(loss: Any, outputs: Any, output_name: str | None) -> list[Any]:
    """The losses that may be those of one output: a list holds them in the outputs' order, a dictionary by names."""
    if output_name is None or not outputs:
        return _leaves(loss)
    orders = _output_names(outputs)
    if isinstance(loss, list):
        places = {names.index(output_name) for names in orders if output_name in names}
        if places and max(places) < len(loss):
            return [each for place in places for each in _leaves(loss[place])]
    is_by_name = _is_by_name(loss)
    if is_by_name and (isinstance(outputs, dict) or output_name in loss or any(map(set(loss).issubset, orders))):
        return _leaves(loss.get(output_name, loss.get(output_name.partition("/")[0])))  # `/` is between nested names
    return _leaves(loss)


def _output_names(outputs: Any) -> list[list[str]]:
    """As several outputs are called, in each order in which Keras may take losses for them.

    Those of a dictionary are sorted; or as they stand, if it was an `OrderedDict`, which the file does not tell. Where
    some are within others, losses may be so, too, and have no order.
    """
    names = list(named_outputs(outputs))
    if isinstance(outputs, dict):
        return [names, list(outputs)] if set(names) == set(outputs) else []
    return [names] if len(names) == len(outputs) else []


def _leaves(loss: Any) -> list[Any]:
    """All losses in a list or dictionary, or the only one."""
    if isinstance(loss, list) or _is_by_name(loss):
        return [leaf for each in (loss if isinstance(loss, list) else loss.values()) for leaf in _leaves(each)]
    return [loss]


def _is_by_name(loss: Any) -> bool:
    return isinstance(loss, dict) and "class_name" not in loss


def _read(loss: Any) -> CompiledLoss | None:
    """A loss by its name, as a function or as an object, with its settings."""
    if isinstance(loss, str):
        return CompiledLoss(loss, is_known=_kind(loss) in _KNOWN)
    if not isinstance(loss, dict):
        return None
    if loss["class_name"] == "function":
        return _read(loss["config"])
    name = "a lambda" if loss["class_name"] == "__lambda__" else loss["class_name"]
    is_known = str(loss.get("module")).startswith("keras") and _kind(name) in _KNOWN
    return CompiledLoss(name, loss["config"].get("from_logits") is True, is_known)


def _kind(name: str) -> str:
    return name.lower().replace("_", "")


_WALK: ArchitectureWalk[list[CompiledLoss]] = ArchitectureWalk(losses_of, _passed, of_pixels=[])
