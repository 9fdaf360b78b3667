"""scikit-learn's classifiers on the sonar returns, in the same folds as the networks."""

from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array
from scoring.sonar.protocols import Fold
from scoring.sonar.recipes import SonarModel

_NUM_TREES = 200
_SVM_PENALTIES = (1, 10, 100)  # chosen among by 5 folds inside the training rows


def score_baseline(model: SonarModel, bands: Float32Array, is_mine: npt.NDArray[np.bool_], fold: Fold) -> Float32Array:
    """Fit to a fold's training rows, and score its test rows.

    Args:
        model: Nearest neighbour, SVM or extra trees.
        bands: Raw bands of all returns, shape (num_rows, 60).
        is_mine: Their truth, shape (num_rows,).
        fold: Which rows are which.

    Returns:
        Probabilities of a mine, shape (num_test,). The SVM's are its decision values through a sigmoid: ordered
        right, but not calibrated. The nearest neighbour's are 0 or 1.
    """
    classifier = _classifier(model, fold.seed)
    classifier.fit(bands[fold.train_rows], is_mine[fold.train_rows])
    test_bands = bands[fold.test_rows]
    if model is SonarModel.SVM:
        return np.asarray(1 / (1 + np.exp(-classifier.decision_function(test_bands))), np.float32)
    return np.asarray(classifier.predict_proba(test_bands)[:, 1], np.float32)


def _classifier(model: SonarModel, seed: tuple[int, ...]) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if model is SonarModel.NEAREST_NEIGHBOUR:
        return make_pipeline(StandardScaler(), KNeighborsClassifier(1))
    if model is SonarModel.SVM:
        pipeline = make_pipeline(StandardScaler(), SVC())
        return GridSearchCV(pipeline, {"svc__C": _SVM_PENALTIES}, cv=5)
    if model is SonarModel.EXTRA_TREES:
        random_state = int(np.random.SeedSequence(seed).generate_state(1)[0])
        return ExtraTreesClassifier(_NUM_TREES, random_state=random_state)
    raise ValueError(f"Expected a baseline; received {model}.")
