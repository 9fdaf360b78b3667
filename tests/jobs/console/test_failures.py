import pytest

from cluster.outcomes import TaskFailed
from jobs.console.failures import Missing, check_nothing_missing, given_up
from scoring.errors import IncompleteError, ModelError

_HUNG = TaskFailed(0, 3, "no result within 20 s")
_REFUSED = TaskFailed(3, 1, "Expected a network that may. Use another.", ModelError("Expected a network that may."))


def test_what_is_missing_is_named() -> None:
    heads = [Missing("head 0"), Missing("head 3")]
    check_nothing_missing([])
    with pytest.raises(IncompleteError, match=r"^Missing: head 0, head 3\. Run the same again"):
        check_nothing_missing(heads)
    with pytest.raises(IncompleteError, match=r"^Missing: head 0\. Run it again without `overwrite`: it does only"):
        check_nothing_missing(heads[:1], overwrite=True)
    with pytest.raises(IncompleteError, match=r"^Missing: head 0\. Run the same again: it begins anew\.$"):
        check_nothing_missing(heads[:1], is_kept=False)
    with pytest.raises(IncompleteError, match=r"Missing: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\. \(4000 in all\)\."):
        check_nothing_missing([Missing(str(number)) for number in range(4000)])


def test_every_reason_is_told_once_and_of_many_the_first() -> None:
    """Whoever calls from Python sees nothing else of it."""
    hung = given_up([_HUNG, _HUNG, _REFUSED])
    with pytest.raises(IncompleteError) as raised:
        check_nothing_missing(hung)
    why = "Why: no result within 20 s; Expected a network that may. Use another."
    assert str(raised.value) == f"Missing: 0, 0, 3. {why} Run the same again: it does only what is missing."
    with pytest.raises(IncompleteError, match=r" Why: a; b; c; and 2 other reasons\. Run "):
        check_nothing_missing([Missing("head 0", reason) for reason in "abcde"])


def test_nobody_is_told_to_run_again_what_is_refused_again() -> None:
    with pytest.raises(IncompleteError, match=r"^Missing: 3\. Why: Expected a network that may\. Use another\.$"):
        check_nothing_missing(given_up([_REFUSED]))
