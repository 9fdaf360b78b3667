"""Where a network is cut for its features, and what is said of a layer that has none."""

import keras
import pytest

from scoring.errors import ModelError
from scoring.networks.layer_cut import cut_at


def _network_with_branches() -> keras.Model:
    """A network whose layer `branches` gives two tensors, and whose layer `sequence` gives one of five dimensions."""
    inputs = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(2, 3, name="maps")(inputs)
    branches = keras.Model(inputs, [maps, keras.layers.ReLU()(maps)], name="branches")
    images = keras.Input((8, 8, 3))
    first, second = branches(images)
    sequence = keras.layers.Reshape((2, 3, 6, 4), name="sequence")(keras.layers.Concatenate()([first, second]))
    return keras.Model(images, keras.layers.Dense(2, name="last")(keras.layers.Flatten()(sequence)))


def test_layer_without_one_vector_for_each_image_is_named_with_what_it_has() -> None:
    network = _network_with_branches()
    assert cut_at(network, None, "a.keras").output.shape == (None, 144)
    with pytest.raises(ModelError, match=r"layer of a\.keras with one vector .*; branches has several tensors"):
        cut_at(network, "branches", "a.keras")
    with pytest.raises(ModelError, match=r"; sequence has shape \(None, 2, 3, 6, 4\)"):
        cut_at(network, "sequence", "a.keras")
