"""Networks without classes: what they give are features, as far as their architecture tells; read without Keras."""

import re
from collections.abc import Iterator

from scoring.networks.architecture_walk import ArchitectureWalk, Config, function_name
from scoring.networks.compiled_loss import losses_of

# Activations, as functions, layers or operations, that nobody lets classes end in: those that a half of all numbers go
# through unchanged. A hyperbolic tangent may stand for two classes.
_RECTIFIER = re.compile(r"\w*lu\d*|\w*swish|mish")
_SCALES = re.compile(r"(Batch|Layer|Group|RMS|Unit)?Normalization|Normalize")
_CONVOLUTION = re.compile(r"(Separable|Depthwise)?Conv2D")
_WITHOUT_HEAD = re.compile(r"keras_(hub|cv)\b.*>\w+Backbone")  # of libraries that do not write the layers of theirs
# After these, values are features if some of what they take are: weights of attention may scale them.
_PASSING = re.compile(
    r"Activation|Add|Average|Cast|Concatenate|Cropping2D|Divide|\w*Dropout\w*|ExpandDims|Flatten|GaussianNoise|GetItem|"
    r"Identity|Max|Maximum|Mean|Minimum|Moveaxis|Multiply|Permute|\w*Pooling[12]D|Rescaling|Reshape|Resizing|Squeeze|"
    r"Stack|Subtract|Sum|Swapaxes|Transpose|TrueDivide|UpSampling2D|ZeroPadding2D"
)


def is_backbone(model: Config) -> bool:
    """Whether the only output of a network is no class scores, but features: maps, or what was pooled of maps.

    Probabilities are none, and values of a dense layer or of a convolution over single places are logits, unless
    something stands behind them that would make no sense behind logits: a rectifier, or a normalisation.

    Args:
        model: Its architecture, as in a `.keras` file; where that does not tell, it is none.
    """
    try:
        return _WALK.of_output(model)
    except (IndexError, KeyError, RecursionError, TypeError, ValueError):
        return False


def has_targets(model: Config) -> bool:
    """Whether a network, or one within it, was compiled with a loss of classes."""
    match model:
        case {"config": {"layers": [*layers]}}:
            return _is_trained_on(model, None) or any(map(has_targets, layers))
    return _is_trained_on(model, None)


def _stated(model: Config, output_name: str | None) -> bool | None:
    """That an output which was trained on classes gives no features."""
    return False if _is_trained_on(model, output_name) else None


def _is_trained_on(model: Config, output_name: str | None) -> bool:
    """Whether an output was compiled with such a loss."""
    return any(not loss.is_of_features for loss in losses_of(model, output_name) or [])


def _are_features(layer: Config, taken: Iterator[bool]) -> bool:
    """Whether what a layer gives is features.

    Args:
        layer: Of an architecture.
        taken: Whether each of its inputs is; looked at where that tells.
    """
    kind, config = layer["class_name"], layer["config"]
    function = function_name(config.get("activation"))
    if _WITHOUT_HEAD.fullmatch(layer.get("registered_name") or ""):
        return True
    if _SCALES.fullmatch(kind) or _RECTIFIER.fullmatch((function or kind).lower()):
        return True
    if function not in (None, "linear"):
        return False
    if _CONVOLUTION.fullmatch(kind):
        return not _is_dense(layer)
    return bool(_PASSING.fullmatch(kind)) and any(taken)


def _is_dense(convolution: Config) -> bool:
    """Whether a convolution does what a dense layer does: at each place, or over all of them at once."""
    kernel, (_, *sides) = convolution["config"]["kernel_size"], convolution["build_config"]["input_shape"]
    return kernel in ([1, 1], sides[:2], sides[1:])


_WALK = ArchitectureWalk(_stated, _are_features, of_pixels=False)
