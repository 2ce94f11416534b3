"""Check that this machine's server is ready: `python -m digits.serve.probe`.

For a container's health check. It finds the server by the same `DIGITS_…` variables. Exit code 0
if it is ready, 1 if not.
"""

import http.client
import socket
import ssl
import sys

import typer

from digits.errors import DigitsError
from digits.serve import cli
from digits.serve.settings import Settings
from digits.terminal import print_stderr

_SECONDS = 3.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def check(settings: Settings) -> None:
    """Ask a server with these settings. Raises OSError or HTTPException unless it is ready."""
    host = _ANY.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=_SECONDS)
    if settings.uds:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(_SECONDS)
        connection.sock.connect(str(settings.uds))
    else:
        connection.connect()
    if settings.ssl_certfile:
        context = ssl.create_default_context()
        context.check_hostname = False  # it is contacted as localhost, not by its name
        context.verify_mode = ssl.CERT_NONE
        connection.sock = context.wrap_socket(connection.sock)
    connection.request("GET", "/v2/health/ready", headers={"host": "localhost"})
    if connection.getresponse().status != 200:
        raise http.client.HTTPException("the server is not ready")


def main() -> None:
    """Exit with 1 unless the server is ready."""
    try:
        check(cli.parse([], "digits.serve.probe") or Settings())
    except (DigitsError, typer.BadParameter, OSError, http.client.HTTPException) as error:
        print_stderr(f"error: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
