"""The options of `digits serve`, each of which is a `DIGITS_…` variable, too."""

import os
from collections.abc import Sequence
from typing import Annotated

from digits.commands import options
from digits.web.settings import Settings

_CONTEXT = {"auto_envvar_prefix": "DIGITS", "help_option_names": ["-h", "--help"]}
_app = options.make_app()


def app(arguments: Sequence[str], prog_name: str) -> None:
    """Run the command. Raises DigitsError."""
    # Kubernetes gives every container a DIGITS_PORT=tcp://… where a service is called `digits`.
    if os.environ.get("DIGITS_PORT", "").startswith("tcp://"):
        del os.environ["DIGITS_PORT"]
    _app(arguments, prog_name=prog_name)


@_app.command(context_settings=_CONTEXT)
@options.expand_option_classes
def serve(
    settings: Settings,
    model: options.Model = None,
    second_opinion: options.SecondOpinion = False,
    workers: Annotated[
        int, options.option("N", "Processes that read pictures; 0: one per core.", min=0, max=256)
    ] = 0,
) -> None:
    """Serve a page to draw on and an API, until SIGTERM or Ctrl-C.

    Each option can also be set by its environment variable.
    """
    from digits.serve import api
    from digits.web import server

    server.run(api.Api(settings, api.load(model, second_opinion), workers))
