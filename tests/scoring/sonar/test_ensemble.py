"""Networks trained at once are the networks that they would be alone."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scoring.networks.keras_files import save_keras_file
from scoring.sonar.ensemble import score_bands, train_folds
from scoring.sonar.protocols import Fold
from scoring.sonar.recipes import RECIPES, NetworkRecipe, SonarModel
from scoring.sonar.whole_results import refuse_foreign_files

pytestmark = [pytest.mark.ci, pytest.mark.keras]

BANDS = np.random.default_rng(0).uniform(0, 1, (40, 60)).astype(np.float32)
IS_MINE = BANDS[:, :30].sum(axis=1) > BANDS[:, 30:].sum(axis=1)
OURS = dataclasses.replace(RECIPES[SonarModel.OURS], epochs=20, num_members=3, hidden_units=5)
ARTICLES = dataclasses.replace(RECIPES[SonarModel.ARTICLE], epochs=3)


def fold(number: int, num_test: int = 10) -> Fold:
    test_rows = np.arange(number * 10, number * 10 + num_test)
    return Fold(0, number, np.setdiff1d(np.arange(len(BANDS)), test_rows), test_rows, (7, number))


def test_one_kernel_scores_as_separate_dense_layers_with_the_same_weights() -> None:
    import keras

    recipe = dataclasses.replace(OURS, has_neighbours=False)
    together = train_folds(recipe, BANDS, IS_MINE, [fold(0), fold(1)])
    hidden, output = (together.get_layer(name).get_weights() for name in ("hidden", "members"))
    for place in range(2):
        train = BANDS[fold(place).train_rows]
        standardised = (BANDS - train.mean(axis=0)) / train.std(axis=0)
        members = []
        for member in range(3):
            dense = keras.Sequential(
                [keras.Input((60,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(1, "sigmoid")]
            )
            dense.layers[0].set_weights([hidden[0][place, member], hidden[1][place, member]])
            dense.layers[1].set_weights([output[0][place, member][:, None], output[1][member, place][None]])
            members.append(score_bands(dense, standardised)[:, 0])
        np.testing.assert_allclose(score_bands(together, BANDS)[:, place], np.mean(members, axis=0), atol=1e-5)


@pytest.mark.parametrize("recipe", [OURS, ARTICLES])
def test_folds_trained_together_equal_folds_trained_alone(recipe: NetworkRecipe) -> None:
    recipe = dataclasses.replace(recipe, noise=(0.0, 0.0), batch_size=None)  # which the first fold's seed draws
    folds = [fold(0), fold(1, num_test=4)]  # the first is padded to the length of the second
    together = score_bands(train_folds(recipe, BANDS, IS_MINE, folds), BANDS)
    alone = [score_bands(train_folds(recipe, BANDS, IS_MINE, [each]), BANDS)[:, 0] for each in folds]
    np.testing.assert_allclose(together, np.stack(alone, axis=1), atol=1e-5)


@pytest.mark.parametrize("recipe", [OURS, ARTICLES])
def test_test_rows_have_no_say_in_their_fold(recipe: NetworkRecipe) -> None:
    honest = score_bands(train_folds(recipe, BANDS, IS_MINE, [fold(1)]), BANDS)
    bands, is_mine, tested = BANDS.copy(), IS_MINE.copy(), fold(1).test_rows
    bands[tested], is_mine[tested] = 9.0, ~is_mine[tested]
    np.testing.assert_array_equal(score_bands(train_folds(recipe, bands, is_mine, [fold(1)]), BANDS), honest)


def test_members_differ_and_a_seed_brings_them_back() -> None:
    first, again = (train_folds(OURS, BANDS, IS_MINE, [fold(0)]) for _ in range(2))
    kernels = first.get_layer("hidden").get_weights()[0][0]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.1
    np.testing.assert_array_equal(score_bands(first, BANDS), score_bands(again, BANDS))


def test_saved_model_gives_the_same_probabilities_in_a_process_that_lacks_our_code(tmp_path: Path) -> None:
    network = train_folds(OURS, BANDS, IS_MINE, [Fold(0, 0, np.arange(40), np.arange(0), (1,))])
    network.save(tmp_path / "model.keras")
    refuse_foreign_files(tmp_path)  # it is known as ours
    np.save(tmp_path / "bands.npy", BANDS)
    code = (
        "import sys, keras, numpy; model = keras.saving.load_model('model.keras', safe_mode=True); "
        "numpy.save('scored.npy', model.predict(numpy.load('bands.npy'), verbose=0)); "
        "assert 'scoring' not in sys.modules; assert model.input_shape == (None, 60)"
    )
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, check=True, capture_output=True)
    scored = np.load(tmp_path / "scored.npy")
    assert scored.shape == (40, 1)
    assert scored.min() >= 0
    assert scored.max() <= 1
    np.testing.assert_allclose(scored, score_bands(network, BANDS), atol=1e-6)


def test_the_same_training_leaves_the_same_file_whatever_was_trained_before_in_its_process(tmp_path: Path) -> None:
    """So that `score --sonar-model` takes up its results where a study was made anew."""
    saved = []
    for number in range(2):
        path = tmp_path / f"{number}.keras"
        save_keras_file(train_folds(OURS, BANDS, IS_MINE, [fold(0)]), path)
        saved.append(path.read_bytes())
    assert saved[0] == saved[1]
