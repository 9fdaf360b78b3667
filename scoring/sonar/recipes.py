"""Which models are compared on the sonar returns, and how each network is trained."""

from dataclasses import dataclass
from enum import StrEnum

from scoring.sonar.protocols import EvaluationProtocol

ARTICLE_ACCURACY = 0.8164  # the 2017 article that this task grew from, on its own 60:40 split


class SonarModel(StrEnum):
    """A model of the study."""

    ARTICLE = "article"
    PAPER_0 = "paper-0"
    PAPER_2 = "paper-2"
    PAPER_3 = "paper-3"
    PAPER_6 = "paper-6"
    PAPER_12 = "paper-12"
    PAPER_24 = "paper-24"
    OURS = "ours"
    NEAREST_NEIGHBOUR = "1-nn"
    SVM = "rbf-svm"
    EXTRA_TREES = "extra-trees"


@dataclass(frozen=True)
class NetworkRecipe:
    """A network from 60 bands to the probability of a mine, and its training.

    Attributes:
        hidden_units: Units of its one hidden layer; 0 connects bands and output directly.
        activation: The hidden units' activation function.
        optimizer: Class of the Keras optimizer.
        learning_rate: Learning rate at the start.
        epochs: Passes over the training rows.
        loss: Class of the Keras loss.
        batch_size: Rows per step; None takes all.
        is_standardised: Whether bands get mean 0 and deviation 1 over the training rows.
        initial_limit: Initial weights are uniform in plus or minus this; None takes Glorot's limit, and no biases.
        num_members: Networks averaged into one; they differ in initial weights and noise.
        noise: Standard deviation of the noise on the standardised bands in training, from the first member's to
            the last's, in even steps.
        learning_rate_decays: Whether it falls to 0 along a cosine.
        has_neighbours: Whether the networks' probability is averaged with that of soft nearest neighbours; see
            `scoring.sonar.neighbours`.
    """

    hidden_units: int
    activation: str
    optimizer: str
    learning_rate: float
    epochs: int
    loss: str
    batch_size: int | None = None
    is_standardised: bool = False
    initial_limit: float | None = None
    num_members: int = 1
    noise: tuple[float, float] = (0.0, 0.0)
    learning_rate_decays: bool = False
    has_neighbours: bool = False


def _paper(hidden_units: int) -> NetworkRecipe:
    """The paper's network, 300 epochs from weights within 0.3 of zero.

    It adapted the weights after each return at a rate of 2.0; Adam over all returns at once learns its training
    set as well (98 to 99% with 12 units) in a hundredth of the steps.
    """
    return NetworkRecipe(hidden_units, "sigmoid", "Adam", 0.05, 300, "MeanSquaredError", initial_limit=0.3)


RECIPES = {
    SonarModel.ARTICLE: NetworkRecipe(60, "relu", "Adam", 1e-3, 100, "BinaryCrossentropy", batch_size=5),
    SonarModel.PAPER_0: _paper(0),
    SonarModel.PAPER_2: _paper(2),
    SonarModel.PAPER_3: _paper(3),
    SonarModel.PAPER_6: _paper(6),
    SonarModel.PAPER_12: _paper(12),
    SonarModel.PAPER_24: _paper(24),
    # One width, and a range of noise instead of a choice. Three noise levels, two widths and five fixed reaches of the
    # neighbours were looked at on these 208 rows, under other fold seeds: a little of that optimism is left in the
    # figures. The one setting that is chosen by data, the neighbours' reach, is chosen in every fold's training rows.
    SonarModel.OURS: NetworkRecipe(
        24,
        "relu",
        "AdamW",
        0.01,
        250,
        "BinaryCrossentropy",
        is_standardised=True,
        num_members=10,
        noise=(0.3, 1.0),
        learning_rate_decays=True,
        has_neighbours=True,
    ),
}


@dataclass(frozen=True)
class Published:
    """A published figure to compare ours with.

    Attributes:
        accuracy: Share of test returns that got their true label.
        deviation: Standard deviation, where one is published.
        what: Whose it is.
    """

    accuracy: float
    deviation: float | None
    what: str


# Source: UCI's sonar.names, after Gorman and Sejnowski (1988): accuracy and deviation on test sets, by hidden units.
_PAPER_FIGURES = {
    EvaluationProtocol.INDEPENDENT: {
        0: (0.771, 0.083),
        2: (0.819, 0.062),
        3: (0.820, 0.073),
        6: (0.835, 0.056),
        12: (0.847, 0.057),
        24: (0.845, 0.057),
    },
    EvaluationProtocol.DEPENDENT: {
        0: (0.731, 0.048),
        2: (0.857, 0.063),
        3: (0.876, 0.030),
        6: (0.893, 0.024),
        12: (0.904, 0.018),
        24: (0.892, 0.014),
    },
}
_PAPER_BEST_UNITS = 12  # in both series
_PAPER_NEIGHBOUR = Published(0.827, None, "paper, 1-nn")


def published_figure(protocol: EvaluationProtocol, model: SonarModel) -> Published | None:
    """The paper's figure for the same network, else its best; for the article's protocol the article's."""
    if protocol is EvaluationProtocol.ARTICLE:
        return Published(ARTICLE_ACCURACY, None, "article")
    if protocol not in _PAPER_FIGURES:
        return None
    if model is SonarModel.NEAREST_NEIGHBOUR and protocol is EvaluationProtocol.INDEPENDENT:
        return _PAPER_NEIGHBOUR
    is_papers = model.value.startswith("paper-")
    units = RECIPES[model].hidden_units if is_papers else _PAPER_BEST_UNITS
    accuracy, deviation = _PAPER_FIGURES[protocol][units]
    return Published(accuracy, deviation, f"paper, {units} units")
