import json
import re
import threading
import time
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from cluster.metrics import label
from cluster.placement import WorkerRequest
from jobs.score.job import run_score
from jobs.score.metrics import COUNTERS, GAUGES, STAGES
from jobs.score.request import ImagesRequest, ScoreRequest
from scoring.models.model_request import ModelRequest
from scoring.networks.precision import Precision
from scoring.shards.report import ShardReport
from scoring.shards.retry import ShardTask, shard_of
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.storage.locations import Location
from tests.fakes import load_fake
from tests.gate.control import Gate
from tests.gate.turnstile import pass_gate
from tests.runs import summary_of

_DASHBOARD = Path(__file__).parents[3] / "cluster" / "grafana" / "shardscore.json"


def test_dashboard_draws_every_figure_and_none_that_is_not_exported() -> None:
    dashboard = json.loads(_DASHBOARD.read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [variable["definition"] for variable in dashboard["templating"]["list"] if "definition" in variable]
    assert {name for query in queries for name in re.findall(r"\bray_(\w+)", query)} == {*COUNTERS, *GAUGES}


def test_names_keep_to_the_conventions_of_prometheus() -> None:
    assert all(re.fullmatch(r"shardscore_[a-z]+(_seconds)?_total", name) for name in COUNTERS)
    assert not any(name.endswith("_total") for name in GAUGES)
    assert all(text.endswith(".") for text in (*COUNTERS.values(), *GAUGES.values()))


class _GatedScorer(ShardScorer):
    """The real scorer, without Keras, and held by a gate beside the run folder."""

    def __init__(self, settings: ScorerSettings) -> None:
        super().__init__(settings, load_fake)
        self._gate = Path(str(settings.output)).parent / "gate"

    def __call__(self, task: ShardTask, refusals: Collection[str] | None = None) -> ShardReport:
        pass_gate(self._gate, self._files.path(shard_of(task)))
        return super().__call__(task, refusals)


@pytest.fixture
def scrape(two_nodes: None) -> Callable[[Location], dict[str, float]]:
    """Reads the figures of a run from the metrics port of this node."""
    import ray

    own = ray.get_runtime_context().get_node_id()
    node = next(node for node in ray.nodes() if node["NodeID"] == own)  # type: ignore[no-untyped-call]
    address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"

    def read(run: Location) -> dict[str, float]:
        with urlopen(address, timeout=5) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            samples = [sample for family in families for sample in family.samples]
        return {sample.name: sample.value for sample in samples if sample.labels.get("run") == label(str(run))}

    return read


@pytest.mark.ci
@pytest.mark.ray
def test_figures_are_scraped_while_a_run_goes_on_and_end_as_its_summary_has_them(
    photos: Path, tmp_path: Path, scrape: Callable[[Location], dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "7.png").write_text("<html>")
    zipfile.ZipFile(tmp_path / "model.keras", "w").close()
    monkeypatch.setattr("jobs.score.actors.ShardScorer", _GatedScorer)
    model = ModelRequest(str(tmp_path / "model.keras"), None, "cat,dog", Precision.FLOAT32, "tensorflow")
    images = ImagesRequest(photos, model, batch_size=2, shard_size=1, workers=WorkerRequest(2, 0, 1))
    output = tmp_path / "höhe" / "run"  # Ray takes labels of ASCII alone
    output.parent.mkdir()
    request = ScoreRequest(output, images, None)
    job = threading.Thread(target=run_score, args=(request, Console(quiet=True)))
    gate = Gate(output.parent / "gate")
    gate.close("shard-*.parquet", 4)  # of twelve
    job.start()
    counts = [0.0]
    while job.is_alive():
        counts.append(scrape(request.output).get("ray_shardscore_images_total", 0.0))
        if counts[-1]:
            gate.open()
        job.join(timeout=0.3)
    assert next(filter(None, counts)) < 12, counts
    assert counts == sorted(counts)

    deadline = time.monotonic() + 15
    while (last := scrape(request.output)).get("ray_shardscore_images_total") != 12 and time.monotonic() < deadline:
        time.sleep(0.3)
    assert set(last) == {f"ray_{name}" for name in (*COUNTERS, *GAUGES)}
    summary = summary_of(request.output)
    assert last["ray_shardscore_errors_total"] == summary.num_errors == 1
    assert last["ray_shardscore_shards_total"] == last["ray_shardscore_run_images_done"] == 12
    for stage in STAGES:
        assert last[f"ray_shardscore_{stage}_seconds_total"] == pytest.approx(getattr(summary, f"{stage}_s"))
