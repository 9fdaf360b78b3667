import numpy as np
import pytest

from scoring.networks.noise import pictures, plain_colours, smooth_noise
from scoring.pixels.input_shape import InputShape


@pytest.mark.parametrize(("batch_size", "num_batches"), [(1, 8), (3, 3), (16, 1)])
def test_at_least_eight_different_pictures_come_in_batches_of_the_size_that_is_compiled(
    batch_size: int, num_batches: int
) -> None:
    batches = pictures(batch_size)
    assert batches.shape == (num_batches, batch_size, 224, 224, 3)
    assert len({picture.tobytes() for batch in batches for picture in batch}) == 8
    assert (batches.reshape(-1, 224, 224, 3)[0].max(), batches.reshape(-1, 224, 224, 3)[3].min()) == (0, 255)


@pytest.mark.parametrize("shape", [InputShape(96, 128), InputShape(33, 31, 1), InputShape(5, 300)])
def test_pictures_of_any_shape_differ(shape: InputShape) -> None:
    batches = pictures(8, shape)
    assert batches.shape == (1, 8, shape.height, shape.width, shape.channels)
    assert len({picture.tobytes() for picture in batches[0]}) == 8


@pytest.mark.parametrize("shape", [InputShape(96, 128), InputShape(64, 64, 1)])
def test_smooth_pictures_have_no_edges_and_are_of_all_levels_dark_and_pale(shape: InputShape) -> None:
    every, dark, pale = smooth_noise(shape).astype(int)
    assert every.shape == shape.as_array()
    assert max(np.abs(np.diff(every, axis=axis)).max() for axis in (0, 1)) < 32
    assert np.ptp(every) > 200
    assert 20 < dark.min() < dark.max() < 60
    assert 200 < pale.min() < pale.max() < 240


def test_plain_pictures_are_black_white_dark_and_of_each_channel_alone() -> None:
    colours = plain_colours(InputShape(4, 5))
    assert colours.shape == (6, 4, 5, 3)
    assert (colours == colours[:, :1, :1]).all()
    assert {tuple(colour) for colour in colours[:, 0, 0].tolist()} == {
        (0, 0, 0), (255, 255, 255), (40, 40, 40), (255, 0, 0), (0, 255, 0), (0, 0, 255)
    }  # fmt: skip
    assert plain_colours(InputShape(4, 5, 1))[:, 0, 0, 0].tolist() == [0, 40, 255]
