"""What `score --dry-run` tells: what would be scored, on what, and how long that would take. It writes nothing."""

from dataclasses import dataclass, replace
from datetime import timedelta

from rich.console import Console

from cluster.nodes import Node, cluster_nodes, own_node_id
from cluster.placement import Placement, place_workers
from jobs.console.session import open_session
from jobs.console.terminal import print_table
from jobs.score.earlier_run import EarlierRun, look_at_earlier_run
from jobs.score.listing import list_images
from jobs.score.measured_rate import Rate, bench_command, measured_rate
from jobs.score.request import ImagesRequest, ScoreRequest
from jobs.score.sonar_job import SonarJob
from scoring.errors import RequestError
from scoring.networks.precision import Precision, choose_precision
from scoring.run.folder import RunFolder
from scoring.run.manifest import default_shard_size
from scoring.run.wording import plural
from scoring.sources.entries import LeftOut, Listing


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        num_images: Images of the collection.
        num_done: Those of them that have their row already.
        left_out: Files of the collection that would not be scored, by reason.
        num_shards: Predictions files.
        shard_size: Images in each.
        model: What would score.
        engine: What would run the network.
        precision: The number format; `auto` where each node decides.
        precision_reason: Why that one.
        num_actors: Processes that would score.
        cpus_per_actor: Cores for each.
        gpus_per_actor: GPUs for each.
        num_nodes: Machines that are there now.
        rate: How fast such a job was, as far as that was measured.
        seconds: What that makes for the images that are left, without the start; None without a rate.
        num_unlabelled: Images that would be scored without a label, where labels are told.
        sonar: What would be done with the sonar returns, in words; None if there are none.
        is_same_model: Whether the rows that are there are of this model, as far as that is told before it is loaded.
    """

    num_images: int
    num_done: int
    left_out: tuple[LeftOut, ...]
    num_shards: int
    shard_size: int
    model: str
    engine: str
    precision: str
    precision_reason: str
    num_actors: int
    cpus_per_actor: float
    gpus_per_actor: float
    num_nodes: int
    rate: Rate | None
    seconds: float | None
    num_unlabelled: int = 0
    sonar: str | None = None
    is_same_model: bool = True


def plan_score(request: ScoreRequest, console: Console) -> Plan:
    """List the images, look at the run folder and at the cluster, and say what `score` would do.

    Raises:
        RequestError: If the request makes no sense, by what can be told without loading the model.
        ClusterError: If Ray cannot start.
    """
    images, folder = request.images, RunFolder(request.output)
    if images is None:
        raise RequestError("Expected `images` with `dry_run`; received none.")
    images.check()
    images.check_output(folder.path)
    request.check_overwrite()
    sonar = _look_at_sonar(request, folder, console)
    listing = list_images(images).listing
    shard_size = images.shard_size or default_shard_size(len(listing.images))
    earlier = look_at_earlier_run(images, folder, listing.images, shard_size, request.overwrite)
    with open_session(request.address):
        nodes = cluster_nodes()
        placement = place_workers(nodes, images.workers)
        is_here = [node.node_id for node in nodes] == [own_node_id()]
    plan = replace(_plan(images, listing, shard_size, earlier, placement, nodes, is_here), sonar=sonar)
    _print(console, images, plan, placement)
    return plan


def _look_at_sonar(request: ScoreRequest, folder: RunFolder, console: Console) -> str | None:
    if request.sonar is None:
        return None
    job = SonarJob(request.sonar, folder, console)
    if not request.overwrite:
        job.refuse_foreign_files()
    job.look_for_earlier_result(request.overwrite)
    return f"{plural(job.num_returns, 'return')}, {job.outlook}"


def _plan(
    images: ImagesRequest,
    listing: Listing,
    shard_size: int,
    earlier: EarlierRun,
    placement: Placement,
    nodes: list[Node],
    is_here: bool,
) -> Plan:
    model, num_images = images.model, len(listing.images)
    precision, reason = str(model.precision), "each node decides by its device"
    if is_here or model.precision is not Precision.AUTO:
        choice = choose_precision(model.precision, model.runtime)
        precision, reason = str(choice.precision), choice.reason
    rate = measured_rate(earlier.record, model, precision, placement)
    return Plan(
        num_images=num_images,
        num_done=earlier.num_done,
        left_out=listing.left_out,
        num_shards=-(-num_images // shard_size),
        shard_size=shard_size,
        model=model.name,
        engine=model.engine_name,
        precision=precision,
        precision_reason=reason,
        num_actors=placement.num_workers,
        cpus_per_actor=placement.cpus_per_worker,
        gpus_per_actor=placement.gpus_per_worker,
        num_nodes=len(nodes),
        rate=rate,
        seconds=(num_images - earlier.num_done) / rate.images_per_s if rate else None,
        num_unlabelled=sum(image.target is None for image in listing.images) if images.truth else 0,
        is_same_model=earlier.is_same_model,
    )


def _print(console: Console, images: ImagesRequest, plan: Plan, placement: Placement) -> None:
    rows = [
        ("images", f"{plan.num_images - plan.num_done} to score of {plan.num_images}"),
        *(("left out", f"{left.count:,} {left.reason}: {left.names}") for left in plan.left_out),
        *([("no label", plural(plan.num_unlabelled, "image"))] if plan.num_unlabelled else []),
        ("shards", f"{plan.num_shards}, each with {plural(plan.shard_size, 'image')} at most"),
        ("model", f"{plan.model} by {plan.engine}"),
        ("precision", f"{plan.precision}: {plan.precision_reason}"),
        ("actors", f"{plan.num_actors}, each with {placement}, on {plural(plan.num_nodes, 'node')}"),
        ("time", _time(plan)),
        *([("sonar", plan.sonar)] if plan.sonar else []),
    ]
    print_table(console, "dry run: nothing is written", rows)
    if not plan.is_same_model:
        console.print(
            f"nothing tells before {plan.model} is loaded whether the run that is there is of it: if it is not, it is "
            "refused",
            style="yellow",
        )
    if plan.rate is None and images.columns == ImagesRequest.columns:  # bench takes no columns
        console.print(f"to measure its rate: {bench_command(images.images, plan.num_images, images.model)}")


def _time(plan: Plan) -> str:
    """How long it would take."""
    if plan.num_images == plan.num_done:
        return "none: every image has its row"
    if plan.rate is None or plan.seconds is None:
        return "unknown: neither this run nor bench has measured its rate here"
    span = timedelta(seconds=round(plan.seconds))
    return f"about {span}, at {plan.rate.images_per_s:.1f} images/s ({plan.rate.source}), and the start"
