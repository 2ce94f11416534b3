"""Serve an application: its socket, the addresses that lead to it, uvicorn, and signals."""

import asyncio
import gc
import ipaddress
import os
import signal
import socket
import warnings
from contextlib import suppress
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from digits.errors import DigitsError
from digits.system import max_open_files
from digits.terminal import print_stderr
from digits.web.application import Application
from digits.web.settings import Settings

# Addresses for documentation (RFC 5737, RFC 3849), by the version of IP. Connecting a UDP socket to
# one sends nothing, but picks the machine's own address that it would send from.
_OTHER_MACHINES = {4: (socket.AF_INET, "192.0.2.1"), 6: (socket.AF_INET6, "2001:db8::1")}
_DISCARD = 9  # the port of a service that no longer exists


def run(app: Application) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises DigitsError if it can't listen on the address.
    """
    settings = app.settings
    with bind(settings) as listener:
        server = make_server(app)

        def stop(*_: object) -> None:
            server.should_exit = True

        # uvicorn has handlers of its own while it runs. These are for a signal that comes before,
        # and for the one that uvicorn sends to itself when it has ended because of it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        gc.freeze()  # full collections would stop the event loop for 50 ms
        announce(listener, settings)
        server.run([listener])


def bind(settings: Settings) -> socket.socket:
    """Open the socket that accepts connections. Raises DigitsError if that is impossible."""
    host, port = settings.host, settings.port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
        # Connections inherit it. asyncio would set it only on sockets that it has made itself, and
        # without it an answer's body waits 40 ms for the client to acknowledge the head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, TypeError) as error:  # TypeError: what can't be a host's name
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise DigitsError(f"can't listen on {host}, port {port}: {reason}") from error


def announce(listener: socket.socket, settings: Settings) -> None:
    """Tell on stderr where the server is, and who may use it."""
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
        print_stderr("the API requires the token; the page takes it from /#token=TOKEN")


def _url(address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}/"


def reachable_address(address: str) -> str:
    """The address that other devices can open, or "" if there is none.

    address: what the server listens on. For 0.0.0.0 and ::, other devices open this machine's
        address in its network.
    """
    bound = ipaddress.ip_address(address)
    if not bound.is_unspecified:
        return address
    family, other_machine = _OTHER_MACHINES[bound.version]
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((other_machine, _DISCARD))
        return str(probe.getsockname()[0])
    return ""


class Server(uvicorn.Server):
    """A uvicorn server that finishes what it has accepted, unless a second signal comes."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; the second time at once, where uvicorn would wait for threads and connections."""
        if self.should_exit:
            os._exit(0)
        super().handle_exit(sig, frame)


class _Connection(H11Protocol):
    """A connection; of too many, the oldest that has no request gives way to a new one.

    By h11, which ignores an offer of another protocol, where httptools loses the body.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.opened, limit = self.loop.time(), self.limit_concurrency
        if limit and len(self.connections) >= limit:
            warnings.warn(f"all {limit} connections are open; idle ones are closed", stacklevel=1)
            others = [other for other in self.connections if isinstance(other, _Connection)]
            idle = [other for other in others if other is not self and other.is_idle]
            if idle:
                min(idle, key=lambda other: other.opened).transport.close()

    @property
    def is_idle(self) -> bool:
        is_busy = self.cycle and not self.cycle.response_complete
        return not is_busy and not self.transport.is_closing()


def make_server(app: Application) -> Server:
    """Make the server, which `run([socket])` starts."""
    limits = app.settings.limits
    max_connections = min(limits.max_connections, max_open_files() // 2)
    config = uvicorn.Config(
        app,
        http=_Connection,
        backlog=max(1, max_connections // 8),  # asyncio accepts as many before it counts them
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=limits.max_header_bytes,
        limit_concurrency=max_connections,
        timeout_keep_alive=limits.keepalive_timeout,
        timeout_graceful_shutdown=int(limits.body_timeout + limits.answer_timeout),
    )
    return Server(config)
