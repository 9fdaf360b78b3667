"""The loss that a `.keras` file was compiled with: whether it took outputs without an activation for logits."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoring.errors import ModelError

# Keras' losses by their classes, functions and short names, in small letters and without `_`; `crossentropy` is that of
# the kind that fits the labels, from probabilities. Of others, which users wrote, nothing is known.
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
    """One of Keras' losses.

    Attributes:
        name: As the file has it, such as `mse` or `BinaryCrossentropy`.
        from_logits: Whether it computes a softmax or sigmoids itself.
    """

    name: str
    from_logits: bool = False

    @property
    def is_of_features(self) -> bool:
        """Whether outputs that it was computed of may be features as well as amounts."""
        return _kind(self.name) in _OF_VECTORS

    def check(self, num_outputs: int, model: str) -> None:
        """Hold it against outputs without an activation, which are logits where nothing else is said.

        Args:
            num_outputs: Number of outputs of the model.
            model: Its name in messages.

        Raises:
            ModelError: If it took them for anything but the logits of a softmax, or of one sigmoid.
        """
        kind = _kind(self.name)
        if self.from_logits and kind in (_OF_A_SOFTMAX if num_outputs > 1 else _OF_SIGMOIDS):
            return
        if kind in _OF_AMOUNTS:
            taken = "the values themselves, not for logits"
        elif not self.from_logits:
            taken = "probabilities, not for logits"
        elif num_outputs > 1:
            taken = "the logits of labels that stand by themselves"
        else:
            taken = "the logit of a softmax, which is always 1 over one output"
        function = "a softmax" if num_outputs > 1 else "the sigmoid"
        multi_label = ", multi-label a sigmoid of each" if num_outputs > 1 else ""
        raise ModelError(
            f"Cannot tell what the outputs of {model} mean: its last layer has no activation, and {self.name}, which "
            f"it was compiled with, takes them for {taken}. Name `outputs`: logits takes {function} of them"
            f"{multi_label}, probabilities takes them as they are."
        )


def compiled_losses(path: Path, output_name: str | None) -> list[CompiledLoss]:
    """The loss that one output of a `.keras` file was compiled with, as its architecture says without Keras.

    Args:
        path: The file.
        output_name: Which of several outputs; None if there is one.

    Returns:
        More than one where the file does not tell which of them is the output's; none if it was not compiled, or with a
        loss that is not Keras'.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return losses_of(json.loads(archive.read("config.json")), output_name)
    except (LookupError, ValueError, RecursionError, zipfile.BadZipFile):
        return []


def losses_of(model: Any, output_name: str | None = None) -> list[CompiledLoss]:
    """The same of an architecture, as in a `.keras` file; that of a network within has its own."""
    try:
        found = _of_output(model["compile_config"]["loss"], model["config"].get("output_layers"), output_name)
        return [loss for loss in map(_read, found) if loss]
    except (LookupError, AttributeError, TypeError, ValueError, RecursionError):
        return []


def _of_output(loss: Any, outputs: Any, output_name: str | None) -> list[Any]:
    """The losses that may be those of one output: a list holds them in the outputs' order, a dictionary by names."""
    if output_name is not None and isinstance(loss, list):
        places = {names.index(output_name) for names in _output_names(outputs) if output_name in names}
        if places and max(places) < len(loss):
            return [each for place in places for each in _leaves(loss[place])]
    if output_name is not None and _is_by_name(loss) and (isinstance(outputs, dict) or output_name in loss):
        return _leaves(loss.get(output_name, loss.get(output_name.partition("/")[0])))  # `/` is between nested names
    return _leaves(loss)


def _output_names(outputs: Any) -> list[list[str]]:
    """As `single_output` calls several outputs, in each order in which Keras may take losses for them.

    Those of a list are called by their layers, or by numbers where one layer makes two. Those of a dictionary are
    sorted; or as they stand, if it was an `OrderedDict`, which the file does not tell.
    """
    layers = list(outputs.values()) if isinstance(outputs, dict) else outputs
    if not all(isinstance(layer, list) and isinstance(layer[0], str) for layer in layers):  # one, or some within others
        return []
    if isinstance(outputs, dict):
        return [sorted(outputs), list(outputs)]
    names = [layer for layer, _, _ in outputs]
    return [names if len(set(names)) == len(names) else [str(index) for index in range(len(names))]]


def _leaves(loss: Any) -> list[Any]:
    """All losses in a list or dictionary, or the only one."""
    if isinstance(loss, list) or _is_by_name(loss):
        return [leaf for each in (loss if isinstance(loss, list) else loss.values()) for leaf in _leaves(each)]
    return [loss]


def _is_by_name(loss: Any) -> bool:
    return isinstance(loss, dict) and "class_name" not in loss


def _read(loss: Any) -> CompiledLoss | None:
    """A loss by its name, as a function or as an object of Keras', with its settings."""
    if isinstance(loss, dict) and loss["class_name"] == "function":
        return _read(loss["config"])
    if isinstance(loss, dict):
        known = _read(loss["class_name"]) if str(loss["module"]).startswith("keras") else None
        return known and CompiledLoss(known.name, from_logits=loss["config"].get("from_logits") is True)
    return CompiledLoss(loss) if isinstance(loss, str) and _kind(loss) in _KNOWN else None


def _kind(name: str) -> str:
    return name.lower().replace("_", "")
