import pytest

from scoring.errors import ModelError
from scoring.networks.hubs.registry import check_hub_name, is_on_hub, resolve


def test_names_of_hubs_are_told_from_paths_and_buckets() -> None:
    assert is_on_hub("hf://owner/name")
    assert is_on_hub("kaggle://owner/model/keras/variation/1")
    for other in ("model.keras", "s3://bucket/model.keras", "hf", "kaggle", "resnet50", "https://hf.co/owner/name"):
        assert not is_on_hub(other)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("hf://owner/name", "huggingface_hub", "hf"), ("kaggle://owner/model/keras/small", "kagglehub", "kaggle")],
)
def test_missing_extra_is_named(name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for look in (check_hub_name, resolve):
        with pytest.raises(ModelError, match=rf"{name} needs {package}: pip install 'shardscore\[{extra}\]'"):
            look(name)


def test_name_that_its_hub_cannot_have_is_refused_before_the_extra_is_looked_for() -> None:
    with pytest.raises(ModelError, match="received hf://owner"):
        check_hub_name("hf://owner")
