import pytest

from digits.errors import DigitsError
from digits_train import recipe


def test_classic_is_the_textbook_s() -> None:
    classic = recipe.choose("classic")
    assert (classic.epochs, classic.batch_size, classic.learning_rate) == (5, 128, 1e-3)
    assert classic.schedule == "constant"
    assert classic.augmentation is None


def test_only_what_is_given_changes() -> None:
    changed = recipe.choose("default", epochs=3, batch_size=None)
    assert changed.epochs == 3
    assert changed.batch_size == recipe.RECIPES["default"].batch_size


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": -1.0}, {"learning_rate": float("nan")}],
)
def test_values_out_of_range_are_errors(change: dict[str, float]) -> None:
    with pytest.raises(DigitsError):
        recipe.choose("classic", **change)


def test_an_unknown_recipe_is_an_error() -> None:
    with pytest.raises(DigitsError, match="no recipe called 'secret'; there are: classic, default"):
        recipe.choose("secret")
