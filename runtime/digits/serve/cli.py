"""`digits serve`: options and `DIGITS_…` variables to settings."""

import os
from collections.abc import Sequence

import typer

from digits.commands import options
from digits.serve.settings import Options, Settings
from digits.system import refuse_empty_variables

_CONTEXT = {"auto_envvar_prefix": "DIGITS", "help_option_names": ["-h", "--help"]}


def app(arguments: Sequence[str], prog_name: str) -> None:
    """Run the command. Raises DigitsError, and what Typer raises for wrong arguments."""
    settings = parse(arguments, prog_name)
    if settings:
        from digits.serve import server
        from digits.serve.app import App

        server.run(App(settings))


def parse(arguments: Sequence[str], prog_name: str) -> Settings | None:
    """The settings, or None after --help. Raises as `app` does."""
    # Kubernetes gives every container a DIGITS_PORT=tcp://… where a service is called `digits`.
    if os.environ.get("DIGITS_PORT", "").startswith("tcp://"):
        del os.environ["DIGITS_PORT"]
    refuse_empty_variables()  # Typer would take an empty token for none, and let everybody in
    command = options.make_app()
    command.command(context_settings=_CONTEXT)(Options)
    parsed = typer.main.get_command(command).main(
        list(arguments), prog_name=prog_name, standalone_mode=False
    )
    return Settings(**vars(parsed)) if isinstance(parsed, Options) else None
