"""An empty path, as of a script's unset variable, is not the current folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from typer.models import ArgumentInfo

from digits import cli
from digits.serve.settings import Settings
from digits_export.cli import export
from digits_train.cli import train
from tests.conftest import Run

COMMANDS: dict[str, Callable[..., Any]] = {
    "predict": cli.predict,
    "read": cli.read,
    "watch": cli.watch,
    "eval": cli.evaluate,
    "info": cli.info,
    "bench": cli.bench,
    "serve": Settings,
    "train": train,
    "export": export,
}


def empty_paths(command: Callable[..., Any]) -> Iterator[list[str]]:
    """Yield command lines in which one of the command's paths is empty."""
    hints = get_type_hints(command, include_extras=True)
    described = {name: get_args(hint) for name, hint in hints.items() if get_args(hint)}
    arguments = [name for name, about in described.items() if isinstance(about[1], ArgumentInfo)]
    for name, (kind, *_) in described.items():
        if Path not in (kind, *get_args(kind)):
            continue
        if name in arguments:
            yield ["" if argument == name else "x" for argument in arguments]
        else:
            yield ["x" for _ in arguments] + [f"--{name.replace('_', '-')}", ""]


@pytest.mark.parametrize("command", COMMANDS)
def test_empty_path_is_wrong_usage(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = list(empty_paths(COMMANDS[command]))
    assert lines
    for arguments in lines:
        code, out, err = run(command, *arguments)
        assert (code, out) == (2, ""), arguments
        assert err.endswith(": a path must not be empty\n"), arguments
    assert not list(tmp_path.iterdir())
