from typing import get_args, get_type_hints

from digits_train import cli, models, plan, recipe


def test_the_choices_are_what_there_is() -> None:
    """cli.py spells them out because `--help` must not wait for torch."""
    hints = get_type_hints(cli.train)
    assert set(get_args(get_args(hints["model"])[0])) == set(models.ARCHITECTURES)
    for recipes in recipe.RECIPES.values():
        assert set(get_args(get_args(hints["recipe"])[0])) == set(recipes)
    assert get_args(hints["precision"])[0] == plan.Precision
