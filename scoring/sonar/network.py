"""The sonar half of `score`: train our model on the article's split, and score returns with it. One CPU thread.

Keras is imported when a function here is called, on the machine that runs it.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from scoring.arrays import Float32Array
from scoring.errors import ModelError
from scoring.networks.engines import engine_versions
from scoring.networks.keras_import import import_keras
from scoring.run.fence import Fence, under_fence
from scoring.sonar.ensemble import train_folds
from scoring.sonar.metrics_file import METRICS_NAME, SonarMetrics, load_earlier_metrics, write_metrics
from scoring.sonar.protocols import Fold, split_rows
from scoring.sonar.recipes import ARTICLE_ACCURACY, RECIPES, SonarModel
from scoring.sonar.returns import LABEL_NAMES, NUM_BANDS, SonarReturns, check_trainable
from scoring.sonar.whole_results import MODEL_NAME, PREDICTIONS_NAME, are_whole
from scoring.storage.downloads import file_digest
from scoring.storage.durable import remove_file, whole_file
from scoring.storage.locations import Location

if TYPE_CHECKING:
    import keras

_BATCH_SIZE = 1024  # returns scored at once
_ROUNDING = 1e-6  # by which a sum of shares may pass 1

SONAR_SCHEMA = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("target", pa.string()),
        pa.field("label", pa.string(), nullable=False),
        pa.field("probability", pa.float32(), nullable=False),
        pa.field("mine_probability", pa.float32(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class SonarSettings:
    """What the sonar task is asked to do.

    Attributes:
        data: File of returns.
        data_sha256: Its digest.
        output: Folder for predictions, metrics and, after training, the model.
        seed: Decides split and initial weights.
        model: A trained model to score with; None trains one.
        backend: Keras' backend.
        fence: What keeps the task of a driver that has lost its lease from writing; None where there is no lease.
    """

    data: Path
    data_sha256: str
    output: Location
    seed: int
    model: Path | None
    backend: str
    fence: Fence | None = None


def run_sonar(settings: SonarSettings) -> SonarMetrics:
    """Train (or load) the network, score every return, and write the three files; `metrics.json` comes last.

    Raises:
        SonarError: If the returns cannot be used for this.
        ModelError: If `settings.model` is not a sonar model, or gives no probabilities.
        LeaseLostError: If another driver took over.
    """
    with under_fence(settings.fence):
        return _run(settings)


def _run(settings: SonarSettings) -> SonarMetrics:
    from scoring.sonar.uci_file import load_sonar  # pandas, of which the driver has no need

    started = time.perf_counter()
    import_keras(settings.backend)
    returns = load_sonar(settings.data)
    model_sha256 = model_digest(settings)
    settings.output.mkdir(parents=True, exist_ok=True)
    if settings.model is None:
        check_trainable(returns, settings.data)
        in_training = split_rows(returns, settings.seed)
        network = train_network(returns, in_training, settings.seed)
    else:
        network = load_network(settings.model)
        in_training = np.zeros(len(returns.bands), dtype=bool)
    mine_probability = _score(network, returns.bands, _model_name(settings) or "the model trained here")
    metrics = _measure(settings, returns, in_training, mine_probability, time.perf_counter() - started)
    remove_file(settings.output / METRICS_NAME)  # what it promises is replaced now
    if settings.model is None:
        with whole_file(settings.output / MODEL_NAME) as temporary:
            network.save(temporary)
    _write_predictions(settings, returns, in_training, mine_probability)
    metrics = replace(metrics, model_sha256=model_sha256)
    write_metrics(settings.output / METRICS_NAME, metrics)
    return metrics


def load_earlier(settings: SonarSettings) -> SonarMetrics | None:
    """Return what an earlier run with the same settings measured; None if there is none, or no whole one.

    A trained model is told from another by its path and its file's digest. A result that does not tell the digest is
    taken for none, as is one whose predictions or model, if it trained one, are gone or damaged.

    Raises:
        RunFolderError: If the folder holds results of other settings; the one that differs is named.
        ModelError: If `settings.model` cannot be read.
    """
    wanted = {
        "data_sha256": settings.data_sha256,
        "seed": settings.seed,
        "model": _model_name(settings),
        "model_sha256": model_digest(settings),
    }
    earlier = load_earlier_metrics(settings.output / METRICS_NAME, wanted)
    return earlier if earlier and are_whole(settings.output, with_model=settings.model is None) else None


def _model_name(settings: SonarSettings) -> str | None:
    return str(settings.model) if settings.model else None


def model_digest(settings: SonarSettings) -> str | None:
    """SHA-256 of the file of `settings.model`; None where one is to be trained.

    Raises:
        ModelError: If it cannot be read.
    """
    try:
        return file_digest(settings.model) if settings.model else None
    except OSError as error:
        raise ModelError(
            f"Expected `sonar_model` to be a readable file; {settings.model} is not: {error.strerror or error}."
        ) from error


def train_network(returns: SonarReturns, in_training: npt.NDArray[np.bool_], seed: int) -> "keras.Model":
    """Train our model on the training rows.

    Returns:
        A model from raw bands, shape (batch, 60), to the probability of a mine, shape (batch, 1).
    """
    fold = Fold(0, 0, np.flatnonzero(in_training), np.flatnonzero(~in_training), (seed,))
    return train_folds(RECIPES[SonarModel.OURS], returns.bands, np.asarray(returns.labels == "M"), [fold])


def load_network(path: Path) -> "keras.Model":
    """Load a model that `train_network` or the study made.

    Raises:
        ModelError: If it cannot be loaded, is not built, or has other shapes. What it computes is looked at where
            returns are scored.
    """
    import keras

    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a missing file, an unsafe layer, a damaged archive
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"Cannot load the sonar model {path} in Keras' safe mode: {reason}") from error
    try:
        shapes = (tuple(network.input_shape), tuple(network.output_shape))
    except (AttributeError, TypeError) as error:  # a Sequential that has seen no input
        raise ModelError(
            f"Expected a model from {NUM_BANDS} bands to the probability of a mine; {path} was saved before it had an "
            "input shape. Give it one and save it again."
        ) from error
    if shapes != ((None, NUM_BANDS), (None, 1)):
        raise ModelError(f"Expected a model from 60 bands to the probability of a mine; {path} has shapes {shapes}.")
    return network


def _score(network: "keras.Model", bands: Float32Array, name: str) -> Float32Array:
    """Probabilities of a mine, shape (num_rows,).

    Raises:
        ModelError: If the model, `name` for messages, gives something else.
    """
    outputs = np.asarray(network.predict(bands, batch_size=_BATCH_SIZE, verbose=0), np.float32)[:, 0]
    wrong = ~((outputs >= -_ROUNDING) & (outputs <= 1 + _ROUNDING))  # true for NaN as well
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ModelError(
            f"Expected probabilities of a mine, from 0 to 1; {name} gives {outputs[row]:g} for row {row + 1} of "
            f"{len(outputs)}. Use a model whose last layer is a sigmoid and whose weights are finite."
        )
    return outputs.clip(0, 1)


def _label_rows(mine_probability: Float32Array) -> npt.NDArray[np.str_]:
    return np.where(mine_probability >= 0.5, LABEL_NAMES["M"], LABEL_NAMES["R"])


def _target_rows(returns: SonarReturns) -> npt.NDArray[np.str_] | None:
    if returns.labels is None:
        return None
    return np.where(returns.labels == "M", LABEL_NAMES["M"], LABEL_NAMES["R"])


def _measure(
    settings: SonarSettings,
    returns: SonarReturns,
    in_training: npt.NDArray[np.bool_],
    mine_probability: Float32Array,
    wall_s: float,
) -> SonarMetrics:
    from sklearn.metrics import confusion_matrix

    targets, labels, tested = _target_rows(returns), _label_rows(mine_probability), ~in_training
    matrix = test_accuracy = train_accuracy = None
    if targets is not None:
        correct = targets == labels
        test_accuracy = float(correct[tested].mean())
        train_accuracy = float(correct[in_training].mean()) if in_training.any() else None
        matrix = confusion_matrix(targets[tested], labels[tested], labels=list(LABEL_NAMES.values())).tolist()
    return SonarMetrics(
        num_rows=len(labels),
        num_test=int(tested.sum()),
        test_accuracy=test_accuracy,
        train_accuracy=train_accuracy,
        confusion_matrix=matrix,
        article_accuracy=ARTICLE_ACCURACY,
        data_sha256=returns.digest,
        seed=settings.seed,
        model=_model_name(settings),
        wall_s=wall_s,
        versions=engine_versions(settings.backend),
    )


def _write_predictions(
    settings: SonarSettings,
    returns: SonarReturns,
    in_training: npt.NDArray[np.bool_],
    mine_probability: Float32Array,
) -> None:
    table = pa.table(
        {
            "row": np.arange(len(mine_probability)),
            "target": pa.array(_target_rows(returns) if returns.labels is not None else [None] * len(mine_probability)),
            "label": _label_rows(mine_probability),
            "probability": np.maximum(mine_probability, 1 - mine_probability),
            "mine_probability": mine_probability,
            "split": np.where(in_training, "train", "test" if settings.model is None else "new"),
        },
        schema=SONAR_SCHEMA,
    )
    with whole_file(settings.output / PREDICTIONS_NAME) as temporary:
        pq.write_table(table, temporary)
