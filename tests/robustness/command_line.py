"""The options and arguments of all commands, from the definitions that Typer parses."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from typer.models import ArgumentInfo

from digits import cli
from digits.review.cli import review
from digits.serve.settings import Options
from digits.watch.cli import watch
from digits_export.cli import export
from digits_train.cli import train

COMMANDS: dict[str, Callable[..., Any]] = {
    **{"predict": cli.predict, "read": cli.read, "watch": watch, "eval": cli.evaluate},
    **{"info": cli.info, "bench": cli.bench, "adapt": cli.adapt, "review": review},
    **{"serve": Options, "train": train, "export": export},
}


class Parameter(NamedTuple):
    """An option, or an argument whose option is empty."""

    name: str
    option: str
    is_path: bool


def parameters(command: str) -> list[Parameter]:
    described = []
    for name, parameter in inspect.signature(COMMANDS[command]).parameters.items():
        hint = parameter.annotation
        if get_origin(hint) is Annotated:
            kind, about, *_ = get_args(hint)
            option = next(iter(about.param_decls or ()), f"--{name.replace('_', '-')}")
            is_argument = isinstance(about, ArgumentInfo)
            is_path = Path in (kind, *get_args(kind)) or name == "pictures"
            described.append(Parameter(name, "" if is_argument else option, is_path))
    return described


def with_value(command: str, parameter: Parameter, value: object) -> list[object]:
    """Return a command line in which the other arguments are `x`."""
    arguments = [other for other in parameters(command) if not other.option]
    words = [value if argument == parameter else "x" for argument in arguments]
    return [command, *words, *([parameter.option, value] if parameter.option else [])]
