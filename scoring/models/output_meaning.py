"""What a network's outputs mean, known before the first row is written, and the probabilities that they become."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from scoring.arrays import Float32Array
from scoring.errors import ModelError
from scoring.networks.last_activation import LOG_SOFTMAX, NONE, SIGMOID, SOFTMAX
from scoring.networks.last_step import sigmoid, softmax

# How far probabilities may be from 0 to 1 and their sums from 1: bfloat16 keeps 8 bits of each.
_RANGE_TOLERANCE = 0.001
_SUM_TOLERANCE = 0.02
# The same of sums of exponents: 0.034 for log-softmax over 10,000 equal outputs in bfloat16, on TensorFlow's CPU.
_EXPONENT_SUM_TOLERANCE = 0.05
# Logits whose sums are all as near to 1 as this, none below 0, are probabilities.
_EXACT_SUM_TOLERANCE = 0.001
# What is in the range of probabilities already; Keras' own sparsemax may sum to anything from 0 to 1.
_OF_A_SIMPLEX = (SOFTMAX, "sparsemax")
_ONE_SOFTMAX = "End the model in one softmax over all labels."


class OutputMeaning(StrEnum):
    """What `outputs` may say.

    One output is the second label's probability (probabilities, sigmoid), or what a sigmoid takes (logits).
    Multi-label is several sigmoids, each a label's own probability. Where a model ends in no activation, `sigmoid` and
    `multi-label` mean the logits of these probabilities.
    """

    PROBABILITIES = "probabilities"
    LOGITS = "logits"
    SIGMOID = "sigmoid"
    MULTI_LABEL = "multi-label"


@dataclass(frozen=True)
class OutputReading:
    """How outputs are read.

    Attributes:
        kind: Probabilities that sum to 1 for each image; sigmoid, which is one output for two labels; or multi-label,
            where each label has a probability of its own. Never logits.
        from_logits: Whether softmax or sigmoid are still to be computed.
        is_known: Whether we made the network ourselves; otherwise pictures are scored before the first image is.
        are_logarithms: Whether the logits are a log-softmax, as far as the last layers tell.
        may_be_logits: Whether they may be logits where they are no probabilities.
    """

    kind: OutputMeaning
    from_logits: bool
    is_known: bool = False
    are_logarithms: bool = False
    may_be_logits: bool = True

    @property
    def is_multi_label(self) -> bool:
        """Whether each label stands by itself."""
        return self.kind is OutputMeaning.MULTI_LABEL

    @property
    def still(self) -> str:
        """What is still to be computed of the outputs: SOFTMAX, SIGMOID, or NONE."""
        if not self.from_logits:
            return NONE
        return SOFTMAX if self.kind is OutputMeaning.PROBABILITIES else SIGMOID

    @property
    def suffix(self) -> str:
        """What follows a network's digest where its outputs are not what is stored."""
        return (":multi-label" if self.is_multi_label else "") + (":from-logits" if self.from_logits else "")

    def check(self, outputs: Float32Array, model: str) -> None:
        """Hold the outputs of several different pictures against what they are said to be.

        Args:
            outputs: Shape (num_pictures, num_outputs). Rows that are not all finite are left out, unless all are such.
            model: Its name in messages.

        Raises:
            ModelError: If they contradict it.
        """
        finite = _finite_rows(outputs)
        if not len(finite):
            raise ModelError(f"Expected numbers from {model}; received none that is finite for {len(outputs)} images.")
        if self.from_logits:
            _check_logits(self.kind, finite, finite.sum(axis=1), model)
        self.check_batch(finite, model)

    def check_batch(self, outputs: Float32Array, model: str) -> None:
        """Check a batch of any size: logits may be any numbers, and rows that are not all finite are left out.

        Logarithms of probabilities are no such logits.

        Raises:
            ModelError: If what should be probabilities is not.
        """
        finite = _finite_rows(outputs)
        if self.are_logarithms and len(finite):
            _check_logarithms(finite, model)
        if self.from_logits or not len(finite):
            return
        sums = finite.sum(axis=1)
        if finite.min() < -_RANGE_TOLERANCE or finite.max() > 1 + _RANGE_TOLERANCE:
            raise ModelError(
                f"Expected probabilities from {model}, 0 to 1; received values from {finite.min():.4g} to "
                f"{finite.max():.4g}. {self._advice}"
            )
        if self.kind is OutputMeaning.PROBABILITIES and np.abs(sums - 1).max() > _SUM_TOLERANCE:
            raise ModelError(
                f"Expected probabilities from {model} that sum to 1 for each image; received sums from "
                f"{sums.min():.4g} to {sums.max():.4g}. {self._advice}"
            )

    @property
    def _advice(self) -> str:
        """What to do where outputs are no probabilities."""
        if not self.may_be_logits:
            return _ONE_SOFTMAX
        advice = "end the model in a sigmoid layer" if self.is_multi_label else "name `outputs` logits"
        return f"If they are logits, {advice}."

    def to_probabilities(self, outputs: Float32Array) -> Float32Array:
        """Turn outputs into a probability of each label.

        Args:
            outputs: Shape (batch, num_outputs). Left unchanged.

        Returns:
            Shape (batch, num_labels), float32; of one output, two, the negative label's first.
            A row that is not all finite becomes NaN.
        """
        outputs = np.asarray(outputs, np.float32)
        finite = np.isfinite(outputs).all(axis=1, keepdims=True)
        values = np.where(finite, outputs, np.float32(0))
        return np.where(finite, self._probabilities(values), np.float32(np.nan))

    def _probabilities(self, values: Float32Array) -> Float32Array:
        if self.kind is OutputMeaning.SIGMOID:
            if self.from_logits:
                return np.concatenate([sigmoid(-values), sigmoid(values)], axis=1)
            second = np.clip(values, 0, 1)
            return np.concatenate([1 - second, second], axis=1)
        if not self.from_logits:
            return np.clip(values, 0, 1)
        return sigmoid(values) if self.is_multi_label else softmax(values)


def known_probabilities(num_outputs: int) -> OutputReading:
    """The reading of a network that ends, as we know, in a softmax or one sigmoid."""
    kind = OutputMeaning.SIGMOID if num_outputs == 1 else OutputMeaning.PROBABILITIES
    return OutputReading(kind, from_logits=False, is_known=True)


def read_outputs(activation: str, asked: OutputMeaning | None, num_outputs: int, model: str) -> OutputReading:
    """Tell how a model's outputs are to be read.

    Args:
        activation: What it computes last, as `last_activation` says it.
        asked: What the user says that outputs are; None leaves it to the activation.
        num_outputs: Number of outputs of the model.
        model: Its name in messages.

    Raises:
        ModelError: If the activation does not tell and nothing was asked, if both contradict each other, or for
            a softmax or log-softmax over one output.
    """
    if activation in (SOFTMAX, LOG_SOFTMAX) and num_outputs == 1:
        raise ModelError(
            f"Expected a model whose outputs depend on the image; {model} ends in a {activation} over one output, "
            f"which is always {1 if activation == SOFTMAX else 0}. Train it with two outputs, or with a sigmoid."
        )
    if activation == SIGMOID and num_outputs > 1 and asked is not OutputMeaning.MULTI_LABEL:
        raise ModelError(
            f"Expected probabilities that sum to 1 for each image; {model} ends in a sigmoid over {num_outputs} "
            "outputs, where every label stands by itself. If several may be true of one image, name `outputs` "
            "multi-label; else train it with a softmax, or with one sigmoid for two labels."
        )
    meaning = asked or _told(activation, model)
    _check_agreement(activation, meaning, num_outputs, model)
    if meaning in (OutputMeaning.SIGMOID, OutputMeaning.MULTI_LABEL):
        return OutputReading(meaning, from_logits=activation == NONE)
    kind = OutputMeaning.SIGMOID if num_outputs == 1 else OutputMeaning.PROBABILITIES
    return OutputReading(
        kind,
        from_logits=meaning is OutputMeaning.LOGITS,
        are_logarithms=activation == LOG_SOFTMAX and asked is None,
        may_be_logits=activation.lower() not in _OF_A_SIMPLEX,
    )


def _told(activation: str, model: str) -> OutputMeaning:
    # Softmax turns log-probabilities into the probabilities that they are the logarithms of, as it does with logits.
    meanings = {SOFTMAX: OutputMeaning.PROBABILITIES, SIGMOID: OutputMeaning.SIGMOID}
    meanings |= dict.fromkeys((LOG_SOFTMAX, NONE), OutputMeaning.LOGITS)
    if activation not in meanings:
        raise ModelError(
            f"Cannot tell what the outputs of {model} mean, which ends in {activation}. Name `outputs`: "
            f"{', '.join(OutputMeaning)}."
        )
    return meanings[activation]


def _check_agreement(activation: str, meaning: OutputMeaning, num_outputs: int, model: str) -> None:
    """Raise ModelError if the last layer rules out what the user says."""
    if meaning is OutputMeaning.SIGMOID and num_outputs > 1:
        raise ModelError(f"Expected one output for `outputs` sigmoid; {model} has {num_outputs}.")
    if meaning is OutputMeaning.MULTI_LABEL and num_outputs == 1:
        raise ModelError(f"Expected several outputs for `outputs` multi-label; {model} has one. Leave `outputs` out.")
    fitting = {
        SOFTMAX: (OutputMeaning.PROBABILITIES,),
        LOG_SOFTMAX: (OutputMeaning.LOGITS,),
        SIGMOID: (OutputMeaning.PROBABILITIES, OutputMeaning.SIGMOID, OutputMeaning.MULTI_LABEL),
    }
    if meaning not in fitting.get(activation, OutputMeaning):
        raise ModelError(
            f"Expected `outputs` that fit {model}, which ends in a {activation} over {num_outputs} output"
            f"{'s' if num_outputs > 1 else ''}: "
            f"{_told(activation, model)}; received {meaning}. Leave `outputs` out."
        )


def _check_logits(kind: OutputMeaning, outputs: Float32Array, sums: Float32Array, model: str) -> None:
    """Raise ModelError for what can only be the result of a softmax."""
    if kind is OutputMeaning.PROBABILITIES and outputs.min() >= 0 and np.abs(sums - 1).max() < _EXACT_SUM_TOLERANCE:
        raise ModelError(
            f"Expected logits from {model}; received values from {outputs.min():.4g} to {outputs.max():.4g} that sum "
            "to 1 for each image, as probabilities do. Name `outputs` probabilities."
        )


def _check_logarithms(outputs: Float32Array, model: str) -> None:
    """Raise ModelError unless they are the logarithms of probabilities that sum to 1 for each image."""
    with np.errstate(over="ignore"):
        sums = np.exp(outputs).sum(axis=1)
    if np.abs(sums - 1).max() > _EXPONENT_SUM_TOLERANCE:
        raise ModelError(
            f"Expected logarithms from {model} of probabilities that sum to 1 for each image; received sums from "
            f"{sums.min():.4g} to {sums.max():.4g}. {_ONE_SOFTMAX} To take a softmax of them, name `outputs` logits."
        )


def _finite_rows(outputs: Float32Array) -> Float32Array:
    return outputs[np.isfinite(outputs).all(axis=1)].astype(np.float32)
