"""Experiments: what `--set` changes, and reading them again."""

import pytest
from msgspec import convert

from digits.errors import DigitsError
from digits_train.experiment import Experiment, change, default_experiment
from digits_train.models import ARCHITECTURES
from digits_train.structs import differences, to_dict

LENET5 = default_experiment("lenet5")


@pytest.mark.parametrize(
    ("assignments", "changed"),
    [
        (["recipe.epochs=3"], {"recipe.epochs=3"}),
        (["recipe.ema_decay=null"], {"recipe.ema_decay=null"}),
        (["recipe.augmentation.blur=0.5"], {"recipe.augmentation.blur=0.5"}),
        (["recipe.augmentation=null"], {"recipe.augmentation=null"}),
        (["recipe.name=mine", 'recipe.optimizer="adamw"'], {"mine", "adamw"}),
        (["camera.lens.blur=[1,2]", "camera.hand.tails=[1,[0.2,0.3]]"], {"blur=[1", "[0.2, 0.3]"}),
        (["precision=bfloat16"], {'precision="bfloat16"'}),
    ],
)
def test_what_set_changes(assignments: list[str], changed: set[str]) -> None:
    """Nothing else."""
    told = [*differences(to_dict(change(LENET5, assignments)), to_dict(LENET5))]
    assert len(told) == len(changed)
    assert all(any(part in line for line in told) for part in changed)


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        ("recipe.epoch=3", "there is no recipe.epoch; did you mean recipe.epochs?"),
        ("=3", "expected NAME=VALUE"),
        *((text, "expected NAME=VALUE") for text in ("recipe.epochs", "recipe.epochs=")),
        ("recipe.epochs=0", "expected int >= 1"),
        ("recipe.optimizer=adam", "invalid enum value 'adam'; there are: adamw, sgd"),
        ("camera.hand.pen=[0.3,0.1]", "pen: 0.3 is above 0.1"),
        ("camera.lens.blur=[-5,-3]", "blur: -5.0 is below 0"),
        ("camera.hand.faint=[0.2,[-1,0.5]]", "faint: -1.0 is below 0"),
        ("camera.text.contents=[1,1,1]", "contents: the sum is 3, not 1"),
        ("camera.hand.tails=[1]", "expected array of length 2 to 3"),
        ("camera.crop.clear=0", "there is no camera.crop.clear; "),
        ("camera.wobble=[0,1]", "did you mean camera.hand.wobble or camera.text.wobble?"),
    ],
)
def test_what_cannot_be_set_is_a_sentence(assignment: str, complaint: str) -> None:
    with pytest.raises(DigitsError) as raised:
        change(LENET5, [assignment])
    assert str(raised.value).startswith(f"--set {assignment}: ")
    assert complaint in str(raised.value) and "\n" not in str(raised.value)


def test_a_camera_that_draws_nothing_cannot_be_set() -> None:
    assignment, classic = "camera.lens.curved=0.2", default_experiment("lenet5", "classic")
    with pytest.raises(DigitsError, match="the recipe classic draws no pictures"):
        change(classic, [assignment])
    drawing = change(classic, [assignment, "recipe.frames=1"])
    assert drawing.camera and drawing.camera.lens.curved == 0.2
    assert change(classic, ["recipe.epochs=1"]).camera is None


@pytest.mark.parametrize("network", ARCHITECTURES)
def test_an_experiment_is_read_as_it_was_written(network: str) -> None:
    for recipe in ARCHITECTURES[network].recipes:
        experiment = default_experiment(network, recipe, seed=3)
        assert convert(to_dict(experiment), Experiment) == experiment
