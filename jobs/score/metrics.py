"""What a scoring run tells Prometheus, by Prometheus' conventions: base units, `_total` for what only grows.

`cluster/grafana/shardscore.json` draws these.
"""

import time

from cluster.metrics import Metrics
from scoring.run.verification import RunStatus
from scoring.shards.report import ShardReport

STAGES = ("read", "decode", "wait", "score", "write")
COUNTERS = {
    "shardscore_images_total": "Images scored by this invocation, the unreadable among them.",
    "shardscore_errors_total": "Images that could not be read or decoded.",
    "shardscore_shards_total": "Shards written by this invocation.",
    **{f"shardscore_{stage}_seconds_total": f"Seconds of {stage}, added over all actors." for stage in STAGES},
}
GAUGES = {
    "shardscore_images_per_second": "Images scored by this invocation over the time since its first actor was ready.",
    "shardscore_run_images": "Images of the run.",
    "shardscore_run_images_done": "Images of the run that have their row, those of earlier invocations among them.",
}


class ScoringMetrics:
    """Counts shards as they come in.

    Args:
        run: The run folder; the label `run` of every figure.
        num_images: How many there are in all.
        num_done: How many an earlier run has scored.
    """

    def __init__(self, run: str, num_images: int, num_done: int) -> None:
        self._metrics = Metrics(COUNTERS, GAUGES, {"run": run})
        self._num_images = num_images
        self._num_done = self._num_done_before = num_done
        self._started = time.monotonic()
        self._show_run()

    def add(self, report: ShardReport) -> None:
        """Count a shard that came in."""
        for stage in STAGES:
            self._metrics.count(f"shardscore_{stage}_seconds_total", getattr(report, f"{stage}_s"))
        self._count(1, report.num_images, report.num_errors)

    def add_unreported(self, found: RunStatus) -> None:
        """Count shards whose worker died between writing them and telling so."""
        self._count(len(found.done), found.num_rows, found.num_errors)

    def _count(self, num_shards: int, num_images: int, num_errors: int) -> None:
        self._metrics.count("shardscore_shards_total", num_shards)
        self._metrics.count("shardscore_images_total", num_images)
        self._metrics.count("shardscore_errors_total", num_errors)
        self._num_done += num_images
        seconds = max(time.monotonic() - self._started, 1e-9)
        self._metrics.show("shardscore_images_per_second", (self._num_done - self._num_done_before) / seconds)
        self._show_run()

    def _show_run(self) -> None:
        """Every time: Ray 2.55 exports a gauge once for each time that it is set."""
        self._metrics.show("shardscore_run_images", self._num_images)
        self._metrics.show("shardscore_run_images_done", self._num_done)
