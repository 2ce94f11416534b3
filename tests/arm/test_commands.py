"""The output of `digits` on Arm, compared with its output on this machine."""

import json

import numpy as np
import pytest

from tests.arm.conftest import Computed


def split_fractions(json_lines: str) -> tuple[list[object], list[float]]:
    """Split JSON lines into everything but the fractions, and the fractions."""
    fractions: list[float] = []

    def collect(number: str) -> str:
        fractions.append(float(number))
        return "a fraction"

    return [json.loads(line, parse_float=collect) for line in json_lines.splitlines()], fractions


def assert_equal_but_for_rounding(arm: str, here: str) -> None:
    """Check that both are the same up to rounding; test_network.py explains where that differs."""
    (ours, fractions), (theirs, others) = split_fractions(arm), split_fractions(here)
    assert ours == theirs != []
    np.testing.assert_allclose(fractions, others, rtol=0, atol=1e-5)


def test_processor_is_64_bit_arm(arm: Computed) -> None:
    assert arm.machine == "aarch64"


def test_start_of_command_matches_this_machine(arm: Computed, here: Computed) -> None:
    assert json.loads(arm.first)["digit"] == 7
    assert_equal_but_for_rounding(arm.first, here.first)


@pytest.mark.parametrize(("command", "code"), [("pictures", 1), ("page", 0)])
def test_answers_match_this_machine(arm: Computed, here: Computed, command: str, code: int) -> None:
    (arm_code, arm_out, arm_err), (here_code, here_out, here_err) = (
        computed.answers[command] for computed in (arm, here)
    )
    assert (arm_code, arm_err) == (here_code, here_err)
    assert arm_code == code
    assert_equal_but_for_rounding(arm_out, here_out)
