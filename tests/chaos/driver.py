"""`shardscore` as it is, but for the scorer: `python -m tests.chaos.driver score ...` is what the chaos suite kills."""

import jobs.score.actors
from jobs.cli import main
from tests.chaos.scorer import ChaoticScorer

if __name__ == "__main__":
    jobs.score.actors.ShardScorer = ChaoticScorer  # type: ignore[assignment, attr-defined]  # it stands in
    main()
