from typing import get_args, get_type_hints

from digits_train import cli, models, plan


def test_the_choices_are_what_there_is() -> None:
    """cli.py spells them out because `--help` must not wait for torch."""
    hints = get_type_hints(cli.train)
    for network in models.ARCHITECTURES.values():
        assert set(get_args(get_args(hints["recipe"])[0])) == set(network.recipes)
    assert get_args(hints["precision"])[0] == plan.Precision
