"""The socket on which the server listens, and the addresses that lead to it."""

import ipaddress
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

from digits.errors import DigitsError, reporting
from digits.serve.settings import Settings
from digits.terminal import print_stderr

BACKLOG = 1000  # connections that wait to be accepted

# Documentation addresses (RFC 5737, RFC 3849). Connecting a UDP socket to one sends nothing, but
# picks the machine's own address that it would send from.
_ELSEWHERE = {4: (socket.AF_INET, "192.0.2.1"), 6: (socket.AF_INET6, "2001:db8::1")}
_DISCARD = 9  # a port


def bind(settings: Settings) -> socket.socket:
    """Open the socket that accepts connections. Raises DigitsError if that is impossible."""
    if settings.uds:
        if not hasattr(socket, "AF_UNIX"):
            raise DigitsError("--uds: this system has no Unix sockets")
        return _bind_unix(settings.uds)
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        # Connections inherit it. asyncio would set it only on sockets that it has made itself, and
        # without it an answer's body waits 40 ms for the client to acknowledge the head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, TypeError) as error:  # TypeError: what can't be a host's name
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise DigitsError(f"can't listen on {host}, port {port}: {reason}") from error


def _bind_unix(path: Path) -> socket.socket:
    """Open a Unix socket, replacing one that nobody listens on any more."""
    with reporting(f"listen on {path}"), ExitStack() as opened:
        if path.exists():
            if not path.is_socket():
                raise FileExistsError(None, "it exists, and is not a Unix socket")
            with socket.socket(socket.AF_UNIX) as client:
                is_alive = client.connect_ex(str(path)) == 0
            if not is_alive:
                path.unlink()
        listener = opened.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        listener.listen(BACKLOG)
        opened.pop_all()
        return listener


def announce(listener: socket.socket, settings: Settings) -> None:
    """Tell on stderr where the server is, and who may use it."""
    if settings.uds:
        print_stderr(f"serving unix:{settings.uds} until Ctrl-C")
    else:
        address, port = listener.getsockname()[:2]
        fragment = f"#token={settings.token}" if settings.prints_token else ""
        print_stderr(f"serving {_url(address, port)}{fragment} until Ctrl-C")
        if not ipaddress.ip_address(address).is_loopback:
            if reachable := reachable_address(address):
                print_stderr(f"from other devices: {_url(reachable, port)}")
            print_stderr(
                "warning: no TLS; requests can be read on the way, unless a proxy such as Caddy"
                " encrypts them"
            )
            if settings.token is None:
                print_stderr("warning: no token; anyone who can reach it can use it (--token)")
    if settings.token is not None and not settings.prints_token:
        print_stderr(
            "the API requires the token; the page asks for it, or takes it from /#token=TOKEN"
        )


def _url(address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}/"


def reachable_address(address: str) -> str:
    """The address that other devices can open, or "" if none is known.

    address: what the server listens on; for 0.0.0.0 and ::, this machine's in its network.
    """
    bound = ipaddress.ip_address(address)
    if not bound.is_unspecified:
        return address
    family, elsewhere = _ELSEWHERE[bound.version]
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((elsewhere, _DISCARD))
        return str(probe.getsockname()[0])
    return ""
