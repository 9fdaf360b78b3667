"""`shardscore` as it is, but for the scorer: `python -m tests.chaos.driver score ...` is what the chaos suite kills."""

from jobs.entry import end_by_signals, main

if __name__ == "__main__":
    end_by_signals()  # as the command's first line: what follows takes a second
    import jobs.score.actors
    from tests.chaos.scorer import ChaoticScorer

    jobs.score.actors.ShardScorer = ChaoticScorer  # type: ignore[assignment, attr-defined]  # it stands in
    main()
