import pytest

from cluster.metrics import label


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data/runs/test 1%", "/data/runs/test 1%"),
        ("/höhe/run", "/h%C3%B6he/run"),
        ("/odd\udcff/a\nb", "/odd\\udcff/a%0Ab"),
    ],
)
def test_a_label_is_ascii_in_one_line_and_ordinary_paths_stay(text: str, expected: str) -> None:
    assert label(text) == expected
