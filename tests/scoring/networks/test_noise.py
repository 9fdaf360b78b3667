import pytest

from scoring.networks.noise import pictures
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
