"""Entry points: one small file per command. Each parses, calls `scoring` and `cluster`, and reports."""
