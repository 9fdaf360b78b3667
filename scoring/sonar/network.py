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
from scoring.errors import ModelError, SonarError
from scoring.networks.keras_files import save_keras_file
from scoring.networks.keras_import import import_keras
from scoring.run.fence import Fence, under_fence
from scoring.sonar.learned_rows import learned_rows, told_beside
from scoring.sonar.metrics_file import (
    METRICS_NAME,
    Learned,
    SonarMetrics,
    load_earlier_metrics,
    sonar_versions,
    write_metrics,
)
from scoring.sonar.network_model import load_network, train_network
from scoring.sonar.recipes import ARTICLE_ACCURACY
from scoring.sonar.returns import LABEL_NAMES, SonarReturns, check_trainable
from scoring.sonar.whole_results import MODEL_NAME, PREDICTIONS_NAME, are_whole
from scoring.storage.downloads import file_digest
from scoring.storage.durable import make_folder, remove_file, storage_faults, whole_file
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
        content_sha256: Digest of the returns, however the file spells them; None where nobody asks for earlier results.
        model_sha256: Digest of the model's file as the command has read it; None where any will do.
    """

    data: Path
    data_sha256: str
    output: Location
    seed: int
    model: Path | None
    backend: str
    fence: Fence | None = None
    content_sha256: str | None = None
    model_sha256: str | None = None


def run_sonar(settings: SonarSettings) -> SonarMetrics:
    """Train (or load) the network, score every return, and write the three files; `metrics.json` comes last.

    Raises:
        SonarError: If the returns cannot be used for this.
        ModelError: If `settings.model` is not a sonar model, or gives no probabilities.
        StorageError: If the folder cannot be written.
        LeaseLostError: If another driver took over.
    """
    with under_fence(settings.fence):
        return _run(settings)


def _run(settings: SonarSettings) -> SonarMetrics:
    started = time.perf_counter()
    import_keras(settings.backend)
    returns = _load_returns(settings)
    model_sha256 = model_digest(settings)
    with storage_faults(settings.output):
        make_folder(settings.output)
    if settings.model is None:
        check_trainable(returns, settings.data)
    learned, in_training = learned_rows(settings.model, returns, settings.seed)
    if settings.model is None:
        network = train_network(returns, in_training, settings.seed)
    else:
        network = _load_same_network(settings.model, settings, model_sha256)
    mine_probability = _score(network, returns.bands, _model_name(settings) or "the model trained here")
    split = _split_names(learned, in_training)
    metrics = _measure(settings, returns, split, mine_probability, time.perf_counter() - started)
    metrics = replace(metrics, model_sha256=model_sha256, learned=learned)
    with storage_faults(settings.output):
        return _write(settings, network, _predictions_table(returns, split, mine_probability), metrics)


def _write(
    settings: SonarSettings, network: "keras.Model", predictions: pa.Table, metrics: SonarMetrics
) -> SonarMetrics:
    """Write the three files; return the metrics with the digests of the other two."""
    remove_file(settings.output / METRICS_NAME)  # what it promises is replaced now
    trained_sha256 = None
    if settings.model is None:
        with whole_file(settings.output / MODEL_NAME) as temporary:
            save_keras_file(network, temporary)
            trained_sha256 = file_digest(temporary)
    with whole_file(settings.output / PREDICTIONS_NAME) as temporary:
        pq.write_table(predictions, temporary)
        predictions_sha256 = file_digest(temporary)
    metrics = replace(metrics, trained_sha256=trained_sha256, predictions_sha256=predictions_sha256)
    write_metrics(settings.output / METRICS_NAME, metrics)
    return metrics


def _load_returns(settings: SonarSettings) -> SonarReturns:
    """The returns that the command has read: a node may hold a copy of its own."""
    from scoring.sonar.uci_file import load_sonar  # pandas, of which the driver has no need

    returns = load_sonar(settings.data)
    if returns.digest != settings.data_sha256:
        raise SonarError(
            f"Expected the returns that the command has read; {settings.data} holds others where they are scored, or "
            "was replaced meanwhile. Run again, with one file for all nodes."
        )
    return returns


def _load_same_network(model: Path, settings: SonarSettings, model_sha256: str | None) -> "keras.Model":
    """The model that the command has read, whose file is as it was when the task began: a node may hold another."""
    network = load_network(model)
    if model_digest(settings) != model_sha256:
        raise ModelError(f"Expected a sonar model that nobody writes to; {model} was replaced meanwhile. Run again.")
    if settings.model_sha256 not in (None, model_sha256):
        raise ModelError(
            f"Expected the sonar model that the command has read; {model} is another where returns are scored, or was "
            "replaced meanwhile. Run again, with one file for all nodes."
        )
    return network


def try_model(settings: SonarSettings) -> None:
    """Load `settings.model` and score the returns with it, and leave nothing; raises as `run_sonar` does."""
    assert settings.model
    import_keras(settings.backend)
    network = _load_same_network(settings.model, settings, model_digest(settings))
    _score(network, _load_returns(settings).bands, str(settings.model))


def load_earlier(settings: SonarSettings) -> SonarMetrics | None:
    """Return what an earlier run with the same settings measured; None if there is none, or no whole one.

    A trained model is told from another by its path and its file's digest. A result that does not tell the digest, or
    what the model was trained on, is taken for none. So is one that tells less or something else of that than the
    `metrics.json` beside the model does now, and one whose predictions or model, if it trained one, are gone, damaged
    or another's.

    Raises:
        RunFolderError: If the folder holds results of other settings; the one that differs is named.
        ModelError: If `settings.model` cannot be read.
    """
    wanted = {
        "data_sha256": settings.data_sha256,
        **({} if settings.model else {"seed": settings.seed}),
        "backend": settings.backend,
        "model": _model_name(settings),
        "model_sha256": model_digest(settings),
    }
    earlier = load_earlier_metrics(settings.output / METRICS_NAME, wanted)
    if earlier and settings.model and not _is_told_so(earlier, settings.model, settings.content_sha256):
        return None
    return earlier if earlier and are_whole(settings.output, earlier, with_model=settings.model is None) else None


def _is_told_so(earlier: SonarMetrics, model: Path, content_sha256: str | None) -> bool:
    """Whether a result says of its model's training what is known of it now, or more."""
    if earlier.learned is None:
        return False
    now = told_beside(model, earlier.data_sha256, content_sha256 or earlier.content_sha256)
    is_tested = now.seed is not None
    return now.learned is Learned.UNKNOWN or (now.learned, is_tested) == (earlier.learned, earlier.is_tested)


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


def _split_names(learned: Learned, in_training: npt.NDArray[np.bool_]) -> npt.NDArray[np.str_]:
    """What each return was to the model."""
    return np.where(in_training, "train", "test" if learned is Learned.SPLIT else learned.value)


def _label_rows(mine_probability: Float32Array) -> npt.NDArray[np.str_]:
    return np.where(mine_probability >= 0.5, LABEL_NAMES["M"], LABEL_NAMES["R"])


def _target_rows(returns: SonarReturns) -> npt.NDArray[np.str_] | None:
    if returns.labels is None:
        return None
    return np.where(returns.labels == "M", LABEL_NAMES["M"], LABEL_NAMES["R"])


def _measure(
    settings: SonarSettings,
    returns: SonarReturns,
    split: npt.NDArray[np.str_],
    mine_probability: Float32Array,
    wall_s: float,
) -> SonarMetrics:
    from sklearn.metrics import confusion_matrix

    targets, labels = _target_rows(returns), _label_rows(mine_probability)
    tested, in_training = split == "test", split == "train"
    matrix = accuracy = test_accuracy = train_accuracy = None
    if targets is not None:
        correct = targets == labels
        accuracy = float(correct.mean())
        train_accuracy = float(correct[in_training].mean()) if in_training.any() else None
    if targets is not None and tested.any():
        test_accuracy = float(correct[tested].mean())
        matrix = confusion_matrix(targets[tested], labels[tested], labels=list(LABEL_NAMES.values())).tolist()
    return SonarMetrics(
        num_rows=len(labels),
        num_test=int(tested.sum()),
        test_accuracy=test_accuracy,
        train_accuracy=train_accuracy,
        confusion_matrix=matrix,
        article_accuracy=ARTICLE_ACCURACY if returns.are_uci else None,
        data_sha256=returns.digest,
        seed=settings.seed,
        model=_model_name(settings),
        wall_s=wall_s,
        versions=sonar_versions(settings.backend),
        accuracy=accuracy,
        content_sha256=returns.content_digest,
        num_copies=int(np.isin(returns.originals()[tested], returns.originals()[in_training]).sum()),
    )


def _predictions_table(returns: SonarReturns, split: npt.NDArray[np.str_], mine_probability: Float32Array) -> pa.Table:
    return pa.table(
        {
            "row": np.arange(len(mine_probability)),
            "target": pa.array(_target_rows(returns) if returns.labels is not None else [None] * len(mine_probability)),
            "label": _label_rows(mine_probability),
            "probability": np.maximum(mine_probability, 1 - mine_probability),
            "mine_probability": mine_probability,
            "split": split,
        },
        schema=SONAR_SCHEMA,
    )
