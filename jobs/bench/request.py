"""What `shardscore bench` was asked for, and what of it can be measured here."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.console.outputs import refuse_to_replace
from scoring.bench.machine import Machine
from scoring.bench.record import LEAST_IMAGES, RECORD_NAME, may_be_record
from scoring.bench.results import VARIANTS, Variant
from scoring.errors import ModelError, RequestError
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import EngineName
from scoring.networks.precision import Precision, choose_precision
from scoring.sources.inputs import check_images
from scoring.storage.locations import Location

# Half a minute of VGG16 in float32 on two cores; a few seconds on a GPU.
_CPU_IMAGES, _GPU_IMAGES = 192, 8192


@dataclass(frozen=True)
class BenchRequest:
    """What `shardscore bench` was asked for.

    Attributes:
        model: Engine and precision in it do not count: all are measured.
        images: Photos; None draws some.
        num_images: How many of them the job and the forward pass score in each round; None goes by the machine.
        rounds: How often everything is measured.
        variants: Names of those to measure, such as `openvino int8`; empty for all.
        json_path: Where the figures go.
    """

    model: ModelRequest
    images: Location | None = None
    num_images: int | None = None
    rounds: int = 3
    variants: tuple[str, ...] = ()
    json_path: Path = Path(RECORD_NAME)

    def check(self) -> None:
        """Raise what can be told before anything is measured."""
        for field, value, least in (("num_images", self.num_images, LEAST_IMAGES), ("rounds", self.rounds, 1)):
            if value is not None and value < least:
                raise RequestError(f"Expected `{field}` of at least {least}; received {value}.")
        known = [str(variant) for variant in VARIANTS]
        for name in self.variants:
            if name not in known:
                raise RequestError(f"Expected `variant` to be one of {', '.join(known)}; received {name!r}.")
        above = next(place for place in self.json_path.absolute().parents if os.path.lexists(place))
        if not above.is_dir():
            raise RequestError(f"Expected `json` in a folder, which is made where there is none; {above} is no folder.")
        refuse_to_replace(self.json_path, may_be_record, "record of bench", "json")
        if self.images is not None:
            check_images(self.images)
        replace(self.model, engine=EngineName.KERAS, precision=Precision.FLOAT32).check()


def default_num_images(machine: Machine) -> int:
    """Enough to measure a rate with, and no more."""
    return _GPU_IMAGES if machine.gpus else _CPU_IMAGES


def choose_variants(request: BenchRequest) -> tuple[list[Variant], dict[str, str]]:
    """The variants to measure, and why the others are left out.

    Raises:
        RequestError: If none is left.
    """
    left_out: dict[str, str] = {}
    asked = [variant for variant in VARIANTS if not request.variants or str(variant) in request.variants]
    for variant in asked:
        reason = _why_not(replace(request.model, engine=variant.engine, precision=variant.precision))
        if reason:
            left_out[str(variant)] = reason
    variants = [variant for variant in asked if str(variant) not in left_out]
    if not variants:
        raise RequestError(f"Nothing of what was asked for can be measured here: {'; '.join(left_out.values())}")
    return variants, left_out


def _why_not(model: ModelRequest) -> str | None:
    """Why this engine and precision cannot be measured here; None if they can."""
    try:
        model.check()
    except ModelError as error:
        return str(error)
    fastest = choose_precision(Precision.AUTO, model.runtime)
    if model.precision is Precision.BFLOAT16 and fastest.precision is not Precision.BFLOAT16:
        return fastest.reason
    return None
