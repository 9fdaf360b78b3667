import pytest

from scoring.networks.float32_policies import in_float32


@pytest.mark.parametrize("other", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"])
def test_policies_of_every_form_become_float32_and_inputs_stay(other: str) -> None:
    def network(layers_type: str) -> dict[str, object]:
        def layer(kind: str, dtype: object) -> dict[str, object]:
            return {"module": "keras.layers", "class_name": kind, "config": {"name": other, "dtype": dtype}}

        def policy(kind: str, **config: object) -> dict[str, object]:
            return {"module": "keras", "class_name": kind, "config": config}

        policies = policy(
            "DTypePolicyMap", default_policy=None, policy_map={"a/b": policy("DTypePolicy", name=layers_type)}
        )
        layers = [
            layer("InputLayer", other),
            layer("Conv2D", layers_type),
            layer("Conv2D", policy("DTypePolicy", name=layers_type)),
            layer("Dense", policy("QuantizedDTypePolicy", mode="int8", source_name=layers_type)),
            layer("Dense", policy("Int4DTypePolicy", mode="int4/128", source_name=layers_type)),
            layer("Dense", policy("QuantizedFloat8DTypePolicy", mode="float8", source_name=layers_type)),
            layer("Dense", policies),
            layer("Resizing", policy("DTypePolicy", name="uint8")),
            {"module": "keras.src.ops.core", "class_name": "Cast", "config": {"dtype": other}},
        ]
        return {"class_name": "Functional", "config": {"layers": layers}}

    written = network(other)
    assert in_float32(written) == network("float32")
    assert written == network(other), "it is left unchanged"
    assert in_float32(network("float32")) == network("float32")
