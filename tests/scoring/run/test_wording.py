"""How messages count and name."""

from scoring.run.wording import plural, reasons_of, so_many_shards, some


def test_things_are_counted_with_their_thousands_told_apart() -> None:
    assert [plural(number, "image") for number in (0, 1, 12_500)] == ["0 images", "1 image", "12,500 images"]
    assert (so_many_shards(1, 3), so_many_shards(1_200, 4_000)) == ("1 of 3 shards is", "1,200 of 4,000 shards are")


def test_the_first_of_a_long_list_are_named() -> None:
    assert some(range(5)) == "0, 1, 2, 3, 4"
    assert some(range(6)) == "0, 1, 2, 3, 4, ... (6 in all)"


def test_shards_with_the_same_reason_are_named_together() -> None:
    told = reasons_of({1: "is empty", 2: "cannot be read", 3: "is empty"})
    assert told == ["each of the shards 1, 3 is empty", "shard 2 cannot be read"]
