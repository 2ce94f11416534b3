"""The server's settings: each field is an option of `digits serve` and a `DIGITS_…` variable."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from digits.commands import options
from digits.serve.limits import Limits


def _text(metavar: str, what: str, check: Callable[[str], bool]) -> Any:
    """check: whether a value, or each of several separated by commas, is valid."""

    def checked(value: str) -> str:
        if not all(map(check, _names(value) or [value])):
            raise typer.BadParameter(f"{value!r} is not valid")
        return value

    return typer.Option(metavar=metavar, help=what, show_default=False, callback=checked)


def _path_segment(metavar: str, what: str, default: str | None = None) -> Any:
    """A part of the URLs below /v2/models. default: as the help describes it."""

    def checked(value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"\w[\w.-]*", value):
            raise typer.BadParameter(f"{value!r} can't be part of a URL")
        return value

    shown = default or True
    return typer.Option(metavar=metavar, help=what, show_default=shown, callback=checked)


def _check_token(value: str | None) -> str | None:
    """Refuse what no header can carry, without repeating the secret."""
    if value is not None and not re.fullmatch(r"[!-~]+", value):
        raise typer.BadParameter("it must consist of visible ASCII characters without spaces")
    return value


def _check_address(value: str) -> str:
    if not value:  # which a socket takes for all of this machine's
        raise typer.BadParameter("it must not be empty")
    return value


def _is_host(text: str) -> bool:
    return bool(re.fullmatch(r"|\*|(\*\.)?[\w.-]+", text))


def _is_origin(text: str) -> bool:
    return bool(re.fullmatch(r"|\*|https?://[^/*\s]+", text))


@dataclass
class _Server:
    """The options that come first in the help: a dataclass puts its last base's fields first."""

    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; 0.0.0.0 means all of this machine's.",
            callback=_check_address,
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8000
    uds: Annotated[
        Path | None, options.path_option("Unix socket to listen on, instead of a port.")
    ] = None
    ssl_certfile: Annotated[
        Path | None, options.path_option("Certificate chain (PEM); turns on HTTPS.", "FILE")
    ] = None
    ssl_keyfile: Annotated[
        Path | None,
        options.path_option("Private key (PEM), if the certificate's file has none.", "FILE"),
    ] = None
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            help="Require `Authorization: Bearer TOKEN`, except for health checks and the pages."
            " Other users of this machine can see options; prefer the variable.",
            show_default=False,
            callback=_check_token,
        ),
    ] = None
    allowed_hosts: Annotated[
        str,
        _text(
            "NAMES",
            "Host names to answer for, separated by commas; *.example.org allows all subdomains,"
            " * any name. IP addresses, localhost and this machine's name are always allowed.",
            _is_host,
        ),
    ] = ""
    allowed_origins: Annotated[
        str,
        _text(
            "ORIGINS",
            "Origins (https://app.example.org) whose pages may use the API in a browser (CORS),"
            " separated by commas; * allows any.",
            _is_origin,
        ),
    ] = ""
    model: options.Model = None
    model_sha256: options.ModelSha256 = None
    reader: options.ReaderModel = None
    reader_sha256: options.ReaderSha256 = None
    model_name: Annotated[
        str | None, _path_segment("NAME", "The model's name at /v2/models.", "its architecture")
    ] = None
    model_version: Annotated[str, _path_segment("VERSION", "Its version at /v2/models.")] = "1"
    kernels: options.Kernels = None
    reject: options.Reject = "unsure"
    save_labelled: Annotated[
        Path | None,
        options.path_option(
            "Folder in which to keep the digits that visitors of the page have labelled, as grey"
            " PNGs that `digits train --data` reads; at most 100 MB in all. By default, no picture"
            " is kept.",
            "DIR",
        ),
    ] = None
    log_level: Annotated[
        Literal["error", "warning", "info"],
        typer.Option(help="How much to log to stderr; info includes refused requests."),
    ] = "warning"
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Log each request to stderr as a line of JSON.")
    ] = False


@dataclass
class Settings(Limits, _Server):
    """Serve a page to draw on and an API, until SIGTERM or Ctrl-C.

    SIGHUP reloads the files of the model and the reader without dropping a request (not in a
    terminal, which sends SIGHUP when it is closed). Each option can also be set by its environment
    variable.
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
