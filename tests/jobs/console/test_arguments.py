import pytest

from jobs.console.arguments import choice, choices, number_or_auto, size_of
from scoring.errors import RequestError
from scoring.pixels.decoding import Resize


def test_a_choice_is_named_or_is_the_enums_member() -> None:
    assert choice("crop", Resize, "resize") is choice(Resize.CROP, Resize, "resize") is Resize.CROP
    assert choices(None, Resize, "resize") == tuple(Resize)
    assert choices("crop", Resize, "resize") == choices(["crop", Resize.CROP], Resize, "resize") == (Resize.CROP,)
    with pytest.raises(RequestError, match="Expected `resize` to be one of squash, crop; received 'stretch'"):
        choice("stretch", Resize, "resize")


@pytest.mark.parametrize(
    ("text", "size"), [("320", (320, 320)), ("240x320", (240, 320)), ("1x4096", (1, 4096)), (320, (320, 320))]
)
def test_size_is_a_side_or_height_x_width(text: str | int, size: tuple[int, int]) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize(("text", "number"), [("auto", None), (None, None), ("016", 16), ("-1", -1), (16, 16)])
def test_a_number_or_auto_is_whole_or_left_to_us(text: str | int | None, number: int | None) -> None:
    assert number_or_auto(text, "batch_size") == number


@pytest.mark.parametrize("text", ["1_6", "٨", " 8", "8\n", "+8", "8.0", "", "Auto", "8" * 5000])
def test_a_number_as_text_is_of_digits_alone(text: str) -> None:
    with pytest.raises(RequestError, match="Expected `batch_size` to be a number or auto; received '"):
        number_or_auto(text, "batch_size")


@pytest.mark.parametrize(
    "text", ["", "0", " 320", "٣٢٠", "320x", "x320", "-3", "1.5", "4097", "240x320x3", "240*320", "240x0"]
)
def test_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="Expected `size` such as 320, or 240x320 for height x width") as refused:
        size_of(text)
    assert repr(text) in str(refused.value)
