"""What libraries say of an error, as a part of one of our lines: its reason must be in it."""

import pytest

from scoring.networks.library_words import sentence_of, words_of


@pytest.mark.keras
def test_what_tensorflow_says_of_a_function_that_it_traces_begins_with_its_reason() -> None:
    import keras

    tensorflow = pytest.importorskip("tensorflow")
    pooling = keras.layers.AdaptiveAveragePooling2D((5, 4))

    def inner(maps: object) -> object:
        return pooling(maps)

    def outer(maps: object) -> object:
        return tensorflow.function(inner)(maps)

    for function in (inner, outer):
        traced = tensorflow.function(function, input_signature=[tensorflow.TensorSpec((None, None, 40, 3))])
        with pytest.raises(ValueError, match="in user code:") as refused:
            traced.get_concrete_function()
        assert words_of(refused.value) == (
            "Exception encountered when calling AdaptiveAveragePooling2D.call(). Input spatial dimensions must be "
            "statically known for adaptive pooling"
        )


def test_words_are_one_line_of_their_beginning() -> None:
    assert words_of("in user code:\n\n  nothing more") == "in user code: nothing more"
    assert words_of(ValueError("\x1b[1mA\x1b[0m\n\nb: c. Arguments received by X.call():\n  d")) == "A b: c."
    assert words_of("word " * 100).endswith("word ...")


def test_words_at_a_sentences_end_have_one_period_or_tell_that_there_is_more() -> None:
    assert sentence_of("it cannot") == sentence_of("it cannot.") == sentence_of("it cannot .\n") == "it cannot."
    assert sentence_of("this is not " * 40).endswith("this is ...")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotImplementedError(), "NotImplementedError."),
        (ValueError("Arguments received by Dense.call():\n  x"), "ValueError."),
        ("What?", "What?"),
        ("Stop! \n", "Stop!"),
        ("and so \u2026", "and so \u2026"),
        ("of these:", "of these."),
        (KeyError("k" * 400), f"'{'k' * 295} ..."),
        ("k" * 300, f"{'k' * 300}."),
    ],
)
def test_a_sentence_says_something_and_ends_as_one(error: Exception | str, said: str) -> None:
    assert sentence_of(error) == said
