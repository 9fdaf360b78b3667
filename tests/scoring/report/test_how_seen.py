from pathlib import Path

import pytest

from scoring.pixels.decoding import Resize
from scoring.report.looks import Album, how_seen


@pytest.mark.parametrize("resize", Resize)
def test_squares_are_said_to_be_what_the_network_saw_only_where_they_are(resize: Resize) -> None:
    assert "shown as the network saw them" in how_seen(Album(Path("photos"), resize, None))
    told = how_seen(Album(Path("photos"), resize, None, input_shape="96x128x1"))
    assert told.startswith("The network saw 96x128x1 pixels (height x width x channels). Pictures are shown ")
    assert "as the network saw them" not in told
