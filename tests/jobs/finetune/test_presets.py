"""What `finetune` does where options are left out, without training anything."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.finetune import command
from jobs.finetune.command import finetune
from jobs.finetune.request import FinetuneRequest
from scoring.errors import ModelError, RequestError
from scoring.finetuning.features import FeatureRequest
from scoring.models.trained_heads import HeadKind, HeadSettings
from scoring.networks.base_request import BaseRequest
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.pooled_views import ViewPooling, Views

_TWO = {"base": ["resnet50", "xception"]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Gives the request that options become."""

    def ask(**options: Any) -> FinetuneRequest:
        caught: list[FinetuneRequest] = []
        monkeypatch.setattr(command, "run_finetune", lambda request, _: caught.append(request))
        finetune(images=tmp_path, output=tmp_path / "model", **options)
        caught[0].check()
        return caught[0]

    return ask


def _features(request: FinetuneRequest) -> FeatureRequest:
    model = request.images.model
    assert isinstance(model, FeatureRequest)
    return model


def test_nothing_said_is_the_fast_recipe_and_best_sees_more(asked: Any) -> None:
    fast, best = asked(), asked(preset="best")
    assert (fast.heads.kind, fast.num_folds, fast.num_heads) == (HeadKind.RBF, 5, 15)
    assert _features(fast).base.views == Views((), False, tuple(ViewPooling))
    assert _features(best).base.views == Views((320,), True, tuple(ViewPooling))
    assert _features(fast).base.layer == _features(best).base.layer == "block5_conv3"


@pytest.mark.parametrize(
    "option",
    [
        {"ensemble": 3},
        {"learning_rate": 0.05},
        {"epochs": 3},
        {"unfreeze": "dense"},
        {"ensemble": 1},
        {"dropout": 0.5},
        {"learning_rate": 0.003},
        {"epochs": 100},
        {"unfreeze": "none"},
    ],
)
def test_an_option_of_the_lessons_heads_is_the_lesson(asked: Any, option: dict[str, Any]) -> None:
    request = asked(**option)
    assert (request.heads.kind, request.num_folds) == (HeadKind.SOFTMAX, 0)
    assert _features(request).base.views is None
    assert _features(request).base.model == "vgg16"


def test_help_tells_what_the_lessons_heads_are_trained_by(asked: Any) -> None:
    heads, text = asked(preset="lesson").heads, finetune.__doc__ or ""
    assert heads == HeadSettings()
    told = {"dropout": heads.dropout, "learning_rate": heads.learning_rate, "epochs": heads.max_epochs}
    for name, value in told.items():
        assert re.search(rf"^ +{name}: .*; by default {value}\.$", text, re.MULTILINE)


def test_single_options_are_stronger_than_the_preset(asked: Any) -> None:
    request = asked(preset="best", size="448,224", pooling="max", augment="none", head="softmax", folds=3)
    assert _features(request).base.views == Views((448, 224), False, (ViewPooling.MAX,))
    assert (request.heads.kind, request.num_folds, request.num_heads) == (HeadKind.SOFTMAX, 3, 3)


@pytest.mark.parametrize(
    ("base", "sizes"), [("resnet50", ()), ("vgg16", ()), ("vgg16-convolutions", (320,)), ("any.keras", (320,))]
)
def test_the_size_of_a_preset_is_for_bases_that_may_take_any(asked: Any, base: str, sizes: tuple[int, ...]) -> None:
    views = _features(asked(preset="best", base=base)).base.views
    assert views == Views(sizes, True, tuple(ViewPooling))


@pytest.mark.keras
@pytest.mark.parametrize(("sides", "sizes"), [((32, 48), ()), ((320, 320), (320,)), ((None, None), (320,))])
def test_a_file_that_takes_another_size_alone_is_seen_at_its_own(
    asked: Any, tmp_path: Path, sides: tuple[int | None, int | None], sizes: tuple[int, ...]
) -> None:
    import keras

    keras.Sequential([keras.Input((*sides, 3)), keras.layers.Conv2D(2, 3)]).save(base := tmp_path / "m.keras")
    for told, expected in ((None, sizes), (64, (64,))):
        views = _features(asked(preset="best", base=base, pixels="0..255", size=told)).base.views
        assert views == Views(expected, True, tuple(ViewPooling))


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        *((each, (448, 224)) for each in ("448,224", [448, 224], ("224", "448"), np.array([448, 224]))),
        *((each, (320,)) for each in ("320", 320, np.int64(320), [np.int64(320)])),
    ],
)
def test_sizes_are_a_list_or_a_text_and_one_is_a_number_too(asked: Any, size: Any, sizes: tuple[int, ...]) -> None:
    views = _features(asked(size=size)).base.views
    assert views is not None
    assert views.sizes == sizes


def test_ways_of_pooling_may_be_joined_as_in_embed(asked: Any) -> None:
    for pooling in ("mean,max", "mean + max", ["mean", "max"]):
        views = _features(asked(pooling=pooling)).base.views
        assert views is not None
        assert views.pooling == (ViewPooling.MEAN, ViewPooling.MAX)


def test_folds_of_a_recipe_give_way_to_photos_that_are_kept_out(asked: Any) -> None:
    assert asked(preset="fast", head="softmax", validation=6).num_validation == 6
    assert asked(preset="lesson", folds=0, validation=6).num_validation == 6
    assert asked(preset="fast", folds=3, validation=6).num_folds == 3


def test_several_bases_stand_side_by_side_each_with_its_weights_and_its_own_size(asked: Any) -> None:
    base = _features(asked(preset="best", base=["m.keras", "resnet50", "vgg16"], weights=["random", "w.h5"])).base
    views = Views((), True, tuple(ViewPooling))
    assert base.each == (
        BaseRequest("m.keras", views=views),
        BaseRequest("resnet50", "random", views=views),
        BaseRequest("vgg16", "w.h5", "fc2", views=views),
    )
    assert (
        _features(asked(base=("resnet50",), weights="random")).base
        == _features(asked(base="resnet50", weights=["random"])).base
    )


def test_pixels_are_said_of_each_base_that_is_a_keras_file(asked: Any) -> None:
    assert _features(asked(base="m.keras", pixels="caffe")).base.pixels is PixelScale.CAFFE
    assert _features(asked(base="m.keras", pixels=[PixelScale.UNIT])).base.pixels is PixelScale.UNIT
    base = _features(asked(base=["m.keras", "resnet50", "n.keras"], pixels=["-1..1", "0..255"], weights="random")).base
    assert [each.pixels for each in base.each] == [PixelScale.SIGNED, PixelScale.UNCHANGED, PixelScale.UNCHANGED]
    assert [each.weights for each in base.each] == [None, "random", None]
    assert _features(asked(pixels="0..255")) == _features(asked())


def test_pixels_of_a_published_base_are_refused(asked: Any) -> None:
    for name in ("vgg16", "vgg16-convolutions", "resnet50"):
        with pytest.raises(ModelError, match=f"`pixels` belongs to .keras files; the pixels of {name} are known"):
            asked(base=name, pixels="caffe").features.check()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "fast", "dropout": 0.1}, "`dropout`, `learning_rate` and `epochs` belong to softmax heads"),
        ({"preset": "fast", "epochs": 100}, "Leave them out with `head` rbf, which `preset` fast and best take"),
        ({"head": "rbf", "folds": 3, "dropout": 0.5}, "belong to softmax heads"),
        ({"preset": "fast", "ensemble": 2}, "`ensemble` averages heads of one split"),
        ({"preset": "lesson", "head": "rbf"}, "Expected `folds` of at least 2 with `head` rbf"),
        ({"folds": 0}, "received 0. Take `head` softmax or `preset` lesson with photos"),
        ({"preset": "fast", "unfreeze": "dense"}, "Take `preset` lesson, or leave `preset` out"),
        ({"preset": "best", "unfreeze": "dense", "base": "vgg16"}, "Take `preset` lesson, or leave `preset` out"),
        ({"unfreeze": "dense", "pooling": "mean"}, "Leave `pooling` and `size` out"),
        ({"unfreeze": "dense", "size": 224}, "Leave `pooling` and `size` out"),
        ({"preset": "lesson", "folds": 3, "validation": 6}, "Expected `folds` or `validation`: softmax heads stop on"),
        ({"folds": 1}, "Expected `folds` of at least 2, or 0 for none; received 1"),
        ({"learning_rate": float("nan")}, "Expected `learning_rate` to be a number; received nan"),
        ({"learning_rate": float("inf")}, "Expected a positive, finite `learning_rate`; received inf"),
        ({"learning_rate": 0.0}, "Expected a positive, finite `learning_rate`; received 0"),
        ({"epochs": 0}, "Expected `epochs` of at least 1; received 0"),
        ({"dropout": float("nan")}, "Expected `dropout` to be a number; received nan"),
        ({"preset": "slow"}, "Expected `preset` to be one of lesson, fast, best; received 'slow'"),
        ({"preset": "lesson", "size": 320}, "Expected `pooling` beside `size`"),
        ({"size": "320x240"}, "Expected `size` of squares"),
        ({"size": "big"}, "Expected `size` of squares .* or several, such as 448,224, .*; received 'big'"),
        ({"size": "448,"}, "Expected `size` of squares .*; received '448,'"),
        ({"size": [448, 0]}, r"Expected `size` of squares .*; received \[448, 0\]"),
        ({"size": [448.5]}, "Expected `size` to be a list of texts or whole numbers; received 448.5 in it"),
        ({**_TWO, "weights": "random"}, r"Expected `weights` once for each .*; received 1 for resnet50, xception\."),
        ({**_TWO, "pixels": "caffe"}, r"Expected `pixels` once for each .* a .keras file, .*; received 1 for none\."),
        ({"base": ["m.keras", "n.keras"], "pixels": ["caffe"]}, r"`pixels` once .*; received 1 for m.keras, n.keras\."),
        ({"base": "m.keras", "pixels": ["caffe", "torch"]}, r"Expected `pixels` .*; received 2 for m.keras\."),
        ({"base": "m.keras", "pixels": "0-1"}, "Expected `pixels` to be one of 0..255, .*; received '0-1'"),
        ({**_TWO, "features": "top"}, "`features` and `size` belong to one `base`; received 2"),
        ({**_TWO, "size": 320}, "`features` and `size` belong to one `base`; received 2"),
        ({**_TWO, "head_only": True}, "`head_only` keeps the head of one `base`; received resnet50 and xception"),
        (
            {**_TWO, "unfreeze": "dense"},
            "`unfreeze` dense trains the dense layers of one `base`; received resnet50 and",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(
    asked: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises((RequestError, ModelError), match=message):
        asked(**options)
