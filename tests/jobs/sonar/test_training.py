from unittest.mock import Mock

import pytest
from rich.console import Console

from jobs.console.ornaments import OrnamentWarning
from jobs.sonar import training


def test_a_bar_that_fails_is_one_warning_and_the_study_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = Mock()
    bar.return_value.__enter__ = Mock(return_value=bar.return_value)
    bar.return_value.show.side_effect = UnicodeEncodeError("ascii", "\xf6", 0, 1, "ordinal not in range(128)")
    monkeypatch.setattr(training, "Bar", bar)
    with (
        pytest.warns(OrnamentWarning, match="The progress ended early") as warned,
        training._progress(Console(quiet=True), 3) as progress,
    ):
        progress.do(lambda shown: shown.show(1))
    assert len(warned) == 1
