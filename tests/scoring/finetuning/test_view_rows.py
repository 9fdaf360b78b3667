import os
from typing import Any

import numpy as np
import pytest

from scoring.finetuning import view_rows
from scoring.finetuning.fitting import Examples
from scoring.finetuning.heads import centre
from scoring.finetuning.view_rows import ViewRows, mapped


def _values(num_photos: int, num_views: int, num_features: int) -> Any:
    values = np.random.default_rng(num_photos).normal(3, 40, (num_photos, num_views, num_features)).astype(np.float16)
    values[:, :, -1] = 1e-4
    return values


@pytest.mark.parametrize("shape", [(1, 1, 3), (9, 2, 2), (300, 1, 70), (5000, 2, 3)])
def test_rows_and_their_sums_are_those_of_a_copy_to_the_last_digit(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_rows, "_ROWS_AT_ONCE", 64)
    monkeypatch.setattr(view_rows, "_VALUES_SUMMED", 100)
    values = _values(*shape)
    photos = np.random.default_rng(1).permutation(shape[0])[: shape[0] // 2 + 1]
    copied = values[photos].reshape(-1, shape[2])
    rows = ViewRows(values, photos)
    assert (len(rows), rows.num_features) == copied.shape
    np.testing.assert_array_equal(rows[np.arange(len(rows))[::-1]], copied[::-1])
    np.testing.assert_array_equal(np.concatenate(list(rows.blocks())), copied)
    mean = copied.mean(axis=0, dtype=np.float64)
    np.testing.assert_array_equal(rows.sum() / len(rows), mean)
    deviations = np.sqrt(rows.sum(lambda some: np.square(some - mean)) / len(rows))
    np.testing.assert_array_equal(deviations, copied.std(axis=0, dtype=np.float64))


def test_examples_of_some_photos_are_centred_as_their_copy_is() -> None:
    values = _values(50, 2, 6)
    photos = np.arange(1, 50, 3)
    truth = np.arange(len(photos)) % 2
    some, copied = Examples(values, truth, photos), Examples(values[photos], truth)
    for one, other in zip(centre(some.by_view()[0]), centre(copied.by_view()[0]), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(some.by_view()[1], np.repeat(truth, 2))


def test_room_is_in_a_file_or_where_there_is_none_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    room = mapped((7, 1, 3))
    assert not room.flags.owndata
    room[2] = 5
    assert room.sum() == 15

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    assert mapped((7, 1, 3)).flags.owndata
    assert mapped((0, 1, 3)).shape == (0, 1, 3)
