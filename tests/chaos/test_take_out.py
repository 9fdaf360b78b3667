"""The mechanisms that can be taken out stand where they are looked for; taking them out is for `take_out` itself."""

import pytest

from tests.chaos.take_out import MECHANISMS, Mechanism
from tests.source_tree import ROOT


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda each: each.name)
def test_what_is_taken_out_is_there_once_and_so_is_its_test(mechanism: Mechanism) -> None:
    assert (ROOT / mechanism.file).read_text(encoding="utf-8").count(mechanism.line) == 1
    file, _, test = mechanism.test.partition("::")
    written = (ROOT / file).read_text(encoding="utf-8")
    assert not test or f"def {test.partition('[')[0]}(" in written
