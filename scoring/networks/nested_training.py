"""What networks within another were compiled with: it does nothing in scoring, and may be the user's own."""

from typing import Any, TypeAlias

_Config: TypeAlias = Any  # what JSON holds
_COMPILED = "compile_config"


def without_nested_training(config: _Config) -> _Config:
    """The same architecture, whose nested networks were compiled with nothing.

    Keras compiles them at loading, whatever it is told of the whole, and refuses losses and metrics that it does not
    know.

    Args:
        config: What Keras wrote as `config.json`. Left unchanged.
    """
    if not isinstance(config, dict) or "config" not in config:
        return config
    return {**config, "config": _without(config["config"])}


def _without(part: _Config) -> _Config:
    if isinstance(part, list):
        return [_without(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {key: _without(value) for key, value in part.items() if key != _COMPILED}
