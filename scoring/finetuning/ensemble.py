"""The heads of an ensemble: kept one by one as files, and joined into one network."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.errors import ModelError
from scoring.finetuning.heads import Head
from scoring.finetuning.rbf_expansion import RbfExpansion
from scoring.models.trained_heads import Epoch, HeadSettings
from scoring.networks.keras_engine import EXACT
from scoring.run.fingerprint import Fingerprint
from scoring.run.json_fields import from_json
from scoring.storage.durable import read_patiently, whole_file
from scoring.storage.locations import Location, readable

if TYPE_CHECKING:
    import keras

_MOST_DIFFERENCE = 0.02  # of a probability, between a network in float32 and its heads in float64


@dataclass(frozen=True)
class HeadIdentity:
    """All that shapes a head: one that something else shaped is trained again.

    Attributes:
        features: The fingerprint of the features that it was trained on.
        heads: How it was trained.
        seed: Decided its initial weights, order and dropout.
        division: The digest of the photos' labels, and of which photos it and the others were trained and measured on;
            see `TrainingSet`.
        backend: Keras' backend.
        contents: What tells the contents of the photos; see `Features`.
        pixels: What tells their pixels, likewise.
    """

    features: Fingerprint
    heads: HeadSettings
    seed: int
    division: str
    backend: str
    contents: str = ""
    pixels: str = ""


def save_head(path: Location, head: Head, identity: HeadIdentity) -> None:
    """Write one trained head whole, with all that shaped it."""
    about = {
        "identity": asdict(identity),
        "curve": [asdict(epoch) for epoch in head.curve],
        "best_epoch": head.best_epoch,
        "strength": head.strength,
    }
    arrays = {"kernel": head.kernel, "bias": head.bias, "logits": head.logits}
    arrays |= {f"dense_{index}": array for index, array in enumerate(head.dense)}
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]


def load_head(path: Location, identity: HeadIdentity | None) -> Head | None:
    """Load a head; None if there is none, it is damaged or not finite, or something else or untold shaped it.

    What cannot be read for more than a moment is None too.

    Args:
        path: Its file.
        identity: What must have shaped it; None for whatever did.
    """
    try:
        return read_patiently(path, partial(_read_head, path, identity))
    except Exception:  # no file, half a zip, another version's arrays: it is trained again  # noqa: BLE001
        return None


def _read_head(path: Location, identity: HeadIdentity | None) -> Head | None:
    with np.load(readable(path), allow_pickle=False) as stored:
        about = json.loads(str(stored["about"]))
        if identity and from_json(HeadIdentity, about["identity"]) != identity:
            return None
        dense = [stored[name] for name in sorted(stored.files) if name.startswith("dense_")]
        curve = [Epoch(**epoch) for epoch in about["curve"]]
        arrays = stored["kernel"], stored["bias"], dense, stored["logits"]
        head = Head(*arrays, curve, about["best_epoch"], about.get("strength"))
        return head if head.is_finite else None


def join_heads(heads: Sequence[Head], temperature: float, expansion: RbfExpansion | None = None) -> "keras.Model":
    """One network from features to the members' mean probabilities, of built-in layers alone.

    All logits come from one layer, the last with weights, so that an engine of lower precision leaves them exact, and
    the expansion with it, by the network's name; the temperature is inside its weights.

    Keras numbers the names of layers on from all that this process has made. Here they begin anew, so that the same
    heads give the same file wherever they were trained; what goes together with this network is made after it.

    Args:
        heads: All with dense layers, or all without.
        temperature: Divides the logits.
        expansion: What the heads' kernels stand on, if not on the features; without dense layers.
    """
    import keras

    keras.utils.clear_session(free_memory=False)
    num_classes = len(heads[0].bias)
    num_features = len(expansion.mean) if expansion else (heads[0].dense or [heads[0].kernel])[0].shape[0]
    features = keras.Input((num_features,), name="features")
    below = expansion.layers(features) if expansion else _below_logits(heads, features)
    logits = keras.layers.Dense(len(heads) * num_classes, name="logits")
    members = keras.layers.Reshape((len(heads), num_classes), name="members")(logits(below))
    probabilities = keras.layers.Softmax(name="probabilities")(members)
    mean = keras.layers.GlobalAveragePooling1D(name="mean")(probabilities)
    logits.set_weights(
        [_joint_kernel(heads) / temperature, np.concatenate([head.bias for head in heads]) / temperature]
    )
    return keras.Model(features, mean, name=EXACT if expansion else "head")


def check_joined(
    network: "keras.Model",
    heads: Sequence[Head],
    temperature: float,
    expansion: RbfExpansion | None,
    values: npt.NDArray[np.float16],
) -> None:
    """Raise ModelError unless a network of heads without dense layers says of photos what its heads say.

    Heads are trained and measured in float64, which the network is not.

    Args:
        network: From features to probabilities; see `join_heads`.
        heads: What it was joined of.
        temperature: Divides the logits.
        expansion: What the heads' kernels stand on, if not on the features.
        values: Features of some photos, shape (num_photos, num_features).
    """
    from scipy.special import softmax

    inputs = expansion.likenesses(values) if expansion else values.astype(np.float64)
    expected = np.mean([softmax((inputs @ head.kernel + head.bias) / temperature, axis=1) for head in heads], axis=0)
    said = network.predict_on_batch(values.astype(np.float32))
    is_said = (np.abs(said - expected) <= _MOST_DIFFERENCE).all(axis=1)
    if not is_said.all():
        raise ModelError(
            f"Expected a network that says what its heads say; of {len(values)} photos it does not for "
            f"{(~is_said).sum()}, as float32 cannot hold these likenesses. Use `head` softmax."
        )


def _below_logits(heads: Sequence[Head], features: "keras.KerasTensor") -> "keras.KerasTensor":
    """What the logits' layer sees: the features, or every member's own dense layers side by side."""
    import keras

    if not heads[0].dense:
        return features
    members = []
    for number, head in enumerate(heads):
        outputs = features
        for index in range(0, len(head.dense), 2):
            kernel, bias = head.dense[index : index + 2]
            layer = keras.layers.Dense(len(bias), activation="relu", name=f"member_{number}_fc{index // 2 + 1}")
            outputs = layer(outputs)
            layer.set_weights([kernel, bias])
        members.append(outputs)
    return keras.layers.Concatenate(name="side_by_side")(members) if len(members) > 1 else members[0]


def _joint_kernel(heads: Sequence[Head]) -> Float32Array:
    """The members' kernels beside each other on shared features, along the diagonal on features of their own."""
    from scipy.linalg import block_diag

    kernels = [head.kernel for head in heads]
    joint: Float32Array = block_diag(*kernels) if heads[0].dense else np.concatenate(kernels, axis=1)
    return joint
