"""Layers that change photos at random in training, and in scoring draw numbers all the same, or cannot be loaded."""

from typing import Any, TypeAlias

_Config: TypeAlias = Any  # what JSON holds
# Those of Keras 3 that draw whether they train or not. Others of their kind do not, and are left.
_DRAWING = (
    "MixUp",
    "RandomColorDegeneration",
    "RandomGrayscale",
    "RandomHue",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
)
# That of which Keras 3.15 writes factors that it does not take: it loads no network with it.
_UNREADABLE = ("RandomShear",)


def without_random_layers(config: _Config) -> _Config:
    """The same architecture, where a scale of 1 stands for layers that change nothing in scoring but stand in its way.

    No library that networks are converted for draws as Keras does. How a layer was called does not matter: a network
    that scores tells each of its layers that it does not train.

    Args:
        config: What Keras wrote as `config.json`. Left unchanged.
    """
    if isinstance(config, list):
        return [without_random_layers(each) for each in config]
    if not isinstance(config, dict):
        return config
    changed = {key: without_random_layers(value) for key, value in config.items()}
    is_layer = str(changed.get("module")).startswith("keras.layers")
    return _scale_of_one(changed) if is_layer and changed.get("class_name") in (*_DRAWING, *_UNREADABLE) else changed


def _scale_of_one(layer: _Config) -> _Config:
    """In the place of a layer: it makes floating-point numbers of pixels, as some of these do, and nothing else."""
    kept = {key: value for key, value in layer["config"].items() if key in ("name", "dtype", "trainable")}
    changed = {**layer, "class_name": "Rescaling", "config": {**kept, "scale": 1.0, "offset": 0.0}}
    for node in changed.get("inbound_nodes", []):
        node["kwargs"] = {key: value for key, value in node["kwargs"].items() if key != "training"}
    return changed
