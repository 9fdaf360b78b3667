from pathlib import Path

import pytest

from scoring.pixels.decoding import Resize
from scoring.report.looks import Album, how_seen


@pytest.mark.parametrize("resize", Resize)
def test_what_became_of_pictures_is_said(resize: Resize) -> None:
    assert "shown as the network saw them" in how_seen(Album(Path("photos"), resize, None))
    assert "square" in how_seen(Album(Path("photos"), resize, None, input_shape="299x299x3"))
    told = how_seen(Album(Path("photos"), resize, None, input_shape="96x128x1"))
    assert "rectangle of 96 x 128 (height x width)" in told
    assert told.endswith(", in grey.")
