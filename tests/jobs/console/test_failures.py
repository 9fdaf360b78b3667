import errno
import pickle
from pathlib import Path

import pytest

from cluster.outcomes import TaskFailed
from cluster.worker import one_line
from jobs.console.failures import Missing, check_nothing_missing, given_up
from scoring.errors import BucketError, ChangedError, IncompleteError, ModelError, StorageError
from scoring.storage.durable import read_faults, storage_faults

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


@pytest.mark.parametrize("what", ["written", "read", "in a bucket", "changed"])
def test_one_cause_of_many_files_is_told_once(what: str, tmp_path: Path) -> None:
    """As of a disk that is full: the file of each shard has another name. The errors come from another process."""
    errors = [pickle.loads(pickle.dumps(_fault(what, tmp_path / f"shard-{number}.parquet"))) for number in range(12)]
    missing = given_up([TaskFailed(number, 1, one_line(error), error) for number, error in enumerate(errors)])
    with pytest.raises(IncompleteError) as raised:
        check_nothing_missing([*missing, Missing("12", "it died")])
    why = f"Why: {one_line(errors[0]).rstrip('.')}, and so of 11 others; it died. Run "
    assert "shard-0.parquet" in why
    assert why in str(raised.value)


def _fault(what: str, path: Path) -> Exception:
    if what == "in a bucket":
        return BucketError(errno.EIO, "the service is unavailable", f"s3://bucket/{path.name}")
    if what == "changed":
        return ChangedError(errno.ESTALE, "it has changed", path)
    faults = storage_faults if what == "written" else read_faults
    try:
        with faults(path):
            raise OSError(errno.ENOSPC if what == "written" else errno.EIO, "No space left on device", path)
    except StorageError as error:
        return error


def test_nobody_is_told_to_run_again_what_is_refused_again() -> None:
    with pytest.raises(IncompleteError, match=r"^Missing: 3\. Why: Expected a network that may\. Use another\.$"):
        check_nothing_missing(given_up([_REFUSED]))
