"""Number types that the layers of a `.keras` file compute and keep weights in: whatever they are, read as float32.

A model that was trained in half precision, mixed or pure, or in double precision is float32 before an engine chooses
one for it. No layer is left with weights of another type than its inputs, and no library gets types that it cannot
convert.
"""

from typing import Any, TypeAlias

_Config: TypeAlias = Any  # what JSON holds
_OTHERS = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64")
_POLICY = "DTypePolicy"  # what the names of Keras' policies end with: FloatDTypePolicy, Int4DTypePolicy


def in_float32(config: _Config) -> _Config:
    """The same architecture, whose policies of float16, bfloat16 or float64 are float32; what stands for inputs stays.

    Args:
        config: What Keras wrote as `config.json`, or a part of it. Left unchanged.
    """
    if isinstance(config, list):
        return [in_float32(each) for each in config]
    if not isinstance(config, dict):
        return config
    changed = {key: in_float32(value) for key, value in config.items()}
    own = changed.get("config")
    if isinstance(own, dict):
        if str(changed.get("class_name")).endswith(_POLICY):
            changed["config"] = {key: _as_float32(value) for key, value in own.items()}
        elif _is_layer(changed) and "dtype" in own:  # a name, as Keras 3.0 wrote it
            changed["config"] = {**own, "dtype": _as_float32(own["dtype"])}
    return changed


def _is_layer(config: dict[str, _Config]) -> bool:
    return str(config.get("module")).startswith("keras.layers") and config.get("class_name") != "InputLayer"


def _as_float32(value: _Config) -> _Config:
    return "float32" if value in _OTHERS else value
