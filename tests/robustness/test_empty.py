"""An empty path or variable, as of a script's unset variable, is no default."""

from pathlib import Path

import pytest

import digits
from digits.data import mnist
from digits.errors import DigitsError
from tests.conftest import PICTURES, Run
from tests.robustness.command_line import COMMANDS, parameters, with_value

VARIABLES = [
    *("DIGITS_MODEL", "DIGITS_MODEL_SHA256", "DIGITS_READER", "DIGITS_READER_SHA256"),
    *("DIGITS_DATA", "DIGITS_TOKEN", "DIGITS_SSL_CERTFILE", "DIGITS_ALLOWED_HOSTS"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_empty_path_is_wrong_usage(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [parameter for parameter in parameters(command) if parameter.is_path]
    assert paths
    for path in paths:
        code, out, err = run(*with_value(command, path, ""))
        assert (code, out) == (2, ""), path
        assert err.endswith(": a path must not be empty\n"), path
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_an_empty_variable(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for variable in VARIABLES:
        with monkeypatch.context() as patch:
            patch.setenv(variable, "")
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
