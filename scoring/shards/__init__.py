"""One shard's way: read, decode, score, write, report; and the sum over all shards."""
