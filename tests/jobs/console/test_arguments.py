import pytest

from jobs.console.arguments import choice, choices, size_of
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


@pytest.mark.parametrize(
    "text", ["", "0", " 320", "٣٢٠", "320x", "x320", "-3", "1.5", "4097", "240x320x3", "240*320", "240x0"]
)
def test_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="Expected `size` such as 320, or 240x320 for height x width") as refused:
        size_of(text)
    assert repr(text) in str(refused.value)
