"""The server's options, each of which is a `DIGITS_…` variable too, and its limits."""

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from digits.commands import options
from digits.serve.limits import Limits
from digits.system import cpu_count


def _text(metavar: str, help: str, pattern: str, rule: str) -> Any:
    """An option whose value must match a pattern. rule: says so, without repeating a secret."""

    def checked(value: str | None) -> str | None:
        if value is not None and not re.fullmatch(pattern, value):
            raise typer.BadParameter(rule)
        return value

    return typer.Option(metavar=metavar, help=help, show_default=False, callback=checked)


def _comma_separated(item: str) -> str:
    return rf"\s*{item}\s*(,\s*{item}\s*)*"


Port = Annotated[
    int, options.option("N", "Port to listen on; 0 picks a free one.", min=0, max=65535)
]


@dataclass
class Options:
    """Serve a page to draw on and an API, until SIGTERM or Ctrl-C.

    Each option can also be set by its environment variable.
    """

    host: Annotated[
        str,
        _text(
            "ADDRESS",
            "Address to listen on, by default 127.0.0.1; 0.0.0.0 means all of this machine's.",
            ".+",  # a socket takes an empty one for all of this machine's, too
            "it must not be empty",
        ),
    ] = "127.0.0.1"
    port: Port = 8000
    uds: Annotated[
        Path | None,
        options.path_option("FILE", "Unix socket to listen on, instead of a port."),
    ] = None
    token: Annotated[
        str | None,
        _text(
            "TOKEN",
            "Require `Authorization: Bearer TOKEN`, except for health checks and the page."
            " Other users of this machine can see options; prefer the variable.",
            "[!-~]+",  # what a header can carry
            "it must consist of visible ASCII characters without spaces",
        ),
    ] = None
    allowed_hosts: Annotated[
        str,
        _text(
            "NAMES",
            "Host names to answer for, separated by commas; *.example.org allows all subdomains,"
            " * any name. IP addresses, localhost and this machine's name are always allowed.",
            _comma_separated(r"(\*|(\*\.)?[\w.-]+)?"),
            "it must be host names, separated by commas",
        ),
    ] = ""
    allowed_origins: Annotated[
        str,
        _text(
            "ORIGINS",
            "Origins (https://app.example.org) whose pages may use the API in a browser (CORS),"
            " separated by commas; * allows any.",
            _comma_separated(r"(\*|https?://[^/*\s,]+)?"),
            "it must be origins such as https://app.example.org, separated by commas",
        ),
    ] = ""
    model: options.Model = None
    detector: options.Detector = None
    recognizer: options.Recognizer = None
    workers: Annotated[
        int, options.option("N", "Processes that read pictures; 0: one per core.", min=0, max=256)
    ] = 0
    access_log: Annotated[
        bool, typer.Option("--access-log", help="Log each request to stderr as a line of JSON.")
    ] = False


@dataclass
class Settings(Options):
    """The options, in valid form, and what is not an option."""

    limits: Limits = field(default_factory=Limits)
    prints_token: bool = False  # in the address
    hosts: list[str] = field(init=False)  # the names in `allowed_hosts`
    origins: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.workers = self.workers or cpu_count()
        self.hosts, self.origins = _names(self.allowed_hosts), _names(self.allowed_origins)


def private(port: int) -> Settings:
    """The settings of a page for the person who starts it: only the printed address opens it."""
    return Settings(port=port, token=secrets.token_urlsafe(), prints_token=True)


def _names(text: str) -> list[str]:
    return [name.strip().lower() for name in text.split(",") if name.strip()]
