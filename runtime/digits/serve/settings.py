"""How a server is set up: every field is an option of `digits serve`, and a `DIGITS_…` variable."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from digits.commands import options
from digits.serve.limits import Limits


def _text(metavar: str, what: str, check: Callable[[str], bool] | None = None) -> Any:
    """check: whether a value, or each of those between commas, makes sense."""

    def checked(value: str | None) -> str | None:
        if check and value is not None and not all(map(check, _names(value) or [value])):
            raise typer.BadParameter(f"{value!r} can't be {metavar.lower()}")
        return value

    callback = checked if check else None
    return typer.Option(metavar=metavar, help=what, show_default=False, callback=callback)


def _path_segment(metavar: str, what: str, default: str | None = None) -> Any:
    """A part of the addresses at /v2/models. default: what the help says that it is."""

    def checked(value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"\w[\w.-]*", value):
            raise typer.BadParameter(f"{value!r} can't be part of an address")
        return value

    shown = default or True
    return typer.Option(metavar=metavar, help=what, show_default=shown, callback=checked)


def _check_token(value: str | None) -> str | None:
    """What a header can carry. The message doesn't tell the secret."""
    if value is not None and not re.fullmatch(r"[!-~]+", value):
        raise typer.BadParameter("it has to be visible ASCII characters without blanks")
    return value


def _is_host(text: str) -> bool:
    return bool(re.fullmatch(r"|\*|(\*\.)?[\w.-]+", text))


def _is_origin(text: str) -> bool:
    return bool(re.fullmatch(r"|\*|https?://[^/*\s]+", text))


@dataclass
class _Server:
    """What comes first in the help; a dataclass has its last base's fields first."""

    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 is every one of this machine.")
    ] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 is any that is free.")] = 8000
    uds: Annotated[Path | None, _text("PATH", "Unix socket to listen on, instead of a port.")] = (
        None
    )
    ssl_certfile: Annotated[
        Path | None, _text("FILE", "Certificate, and those between it and its root (PEM): HTTPS.")
    ] = None
    ssl_keyfile: Annotated[
        Path | None, _text("FILE", "Its private key (PEM), where the certificate's file has none.")
    ] = None
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="What requests must bring as `Authorization: Bearer TOKEN`, except for health and"
            " the pages. Other users can see options: rather set the variable.",
            show_default=False,
            callback=_check_token,
        ),
    ] = None
    allowed_hosts: Annotated[
        str,
        _text(
            "NAMES",
            "Names that this server answers for, with commas between; *.example.org is all below,"
            " * any. IP addresses, localhost and this machine's name always are.",
            _is_host,
        ),
    ] = ""
    allowed_origins: Annotated[
        str,
        _text(
            "ORIGINS",
            "Origins (https://app.example.org) whose pages may use the API in a browser, with"
            " commas between; * is any.",
            _is_origin,
        ),
    ] = ""
    model: options.Model = None
    model_sha256: options.ModelSha256 = None
    model_name: Annotated[
        str | None, _path_segment("NAME", "What it is called at /v2/models.", "its architecture")
    ] = None
    model_version: Annotated[str, _path_segment("VERSION", "Its version there.")] = "1"
    kernels: options.Kernels = None
    reject: options.Reject = "unsure"
    log_level: Annotated[
        Literal["error", "warning", "info"],
        typer.Option(help="What goes to stderr; info tells of refused requests too."),
    ] = "warning"
    access_log: Annotated[
        bool, typer.Option("--access-log", help="A line of JSON on stderr for each request.")
    ] = False


@dataclass
class Settings(Limits, _Server):
    """Serve a page to draw on and an API, until SIGTERM or Ctrl-C.

    SIGHUP loads the model's file anew, and drops no request (except in a terminal, which sends it
    when it is closed). An option that isn't given is taken from its variable.
    """

    @property
    def hosts(self) -> list[str]:
        """The names in `allowed_hosts`."""
        return _names(self.allowed_hosts)

    @property
    def origins(self) -> list[str]:
        """The origins in `allowed_origins`."""
        return _names(self.allowed_origins)


def _names(text: str) -> list[str]:
    return [name.strip().lower() for name in text.split(",") if name.strip()]
