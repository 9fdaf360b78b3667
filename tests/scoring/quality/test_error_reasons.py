import pyarrow as pa

from scoring.quality.error_reasons import ErrorReasons


def _shard(*messages: str | None) -> pa.Table:
    return pa.table({"error_message": pa.array(messages, pa.string())})


def test_the_most_frequent_reason_is_told_over_all_shards() -> None:
    reasons = ErrorReasons()
    reasons.add(_shard("the file is empty", None, "cannot read: Permission denied"))
    reasons.add(_shard("cannot read: Permission denied", "cannot read: Permission denied", "the file is empty"))
    assert reasons.most_frequent() == "cannot read: Permission denied"


def test_a_run_without_errors_has_no_reason() -> None:
    reasons = ErrorReasons()
    reasons.add(_shard(None, None))
    assert reasons.most_frequent() is None


def test_reasons_that_are_all_different_are_not_all_kept() -> None:
    reasons = ErrorReasons()
    reasons.add(_shard(*map(str, range(12_000))))
    reasons.add(_shard(*["the file is empty"] * 12_000))
    assert reasons.most_frequent() == "0"
