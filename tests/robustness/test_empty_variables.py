"""An empty variable, as of an unset variable in a service file, is neither a default nor none."""

from pathlib import Path

import pytest

import digits
from digits.data import mnist
from digits.errors import DigitsError
from tests.conftest import PICTURES, Run
from tests.robustness.test_empty_paths import COMMANDS

VARIABLES = [
    *("DIGITS_MODEL", "DIGITS_MODEL_SHA256", "DIGITS_READER", "DIGITS_READER_SHA256"),
    *("DIGITS_DATA", "DIGITS_TOKEN", "DIGITS_SSL_CERTFILE", "DIGITS_ALLOWED_HOSTS"),
]


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_an_empty_variable(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, variable: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, "")
    code, out, err = run(command)
    assert (code, out) == (1, "")
    assert err == f"error: ${variable} is empty; set a value, or unset the variable\n"


@pytest.mark.parametrize("variable", VARIABLES[:5])
def test_library_refuses_an_empty_variable(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "")
    with pytest.raises(DigitsError, match=rf"^\${variable} is empty"):
        if variable == "DIGITS_DATA":
            mnist.load("test")
        digits.Classifier().read(PICTURES / "7.jpg")
