from dataclasses import replace

from scoring.networks.agreement import Agreement
from scoring.networks.precision import _of_a_processor
from scoring.shards.settings import ScorerDescription


def test_processors_of_two_kinds_share_a_run_where_they_compute_the_same_number_format() -> None:
    choices = [_of_a_processor(flags, "tensorflow") for flags in ({"avx512_bf16"}, {"avx512_bf16", "amx_bf16"}, set())]
    one, other, without = [
        ScorerDescription("digest", ("cat", "dog"), str(choice.precision), choice.reason, {}) for choice in choices
    ]
    assert one.precision_reason != other.precision_reason
    assert one == other
    assert one != without


def test_machines_share_a_run_in_int8_whatever_each_measured_of_its_agreement() -> None:
    one = ScorerDescription("digest", ("cat", "dog"), "int8", "asked for", {}, agreement=Agreement(100, 0.98, 0.21))
    assert one == replace(one, agreement=Agreement(100, 0.98, 0.22))
    assert one != replace(one, model_digest="another")
