import pytest

from jobs.console.failures import check_nothing_missing
from scoring.errors import IncompleteError


def test_what_is_missing_is_named() -> None:
    check_nothing_missing([])
    with pytest.raises(IncompleteError, match=r"^Missing: head 0, head 3\. Run the same again"):
        check_nothing_missing([0, 3], "head {}".format)
    with pytest.raises(IncompleteError, match=r"^Missing: head 0\. Run it again without `overwrite`: it does only"):
        check_nothing_missing([0], "head {}".format, overwrite=True)
    with pytest.raises(IncompleteError, match=r"^Missing: head 0\. Run the same again: it begins anew\.$"):
        check_nothing_missing([0], "head {}".format, is_kept=False)
    with pytest.raises(IncompleteError, match=r"Missing: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\. \(4000 in all\)\."):
        check_nothing_missing(range(4000))
