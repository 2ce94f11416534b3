"""The socket, the signals, uvicorn."""

import asyncio
import gc
import ipaddress
import logging
import os
import signal
import socket
import ssl
import stat
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from digits import system
from digits.errors import DigitsError
from digits.serve import addresses
from digits.serve.app import App
from digits.serve.connection import LimitedProtocol, Shared, TlsProtocol
from digits.serve.settings import Settings
from digits.terminal import print_stderr

_BACKLOG = 1000  # connections that wait to be accepted
_ACCEPTED = 50  # how many asyncio accepts at a time
_GRACE = 1.0  # seconds in which a server that is to stop still accepts connections, then requests
_OTHER_FILES = 6 * _ACCEPTED  # connections that are being accepted or closed, and all else


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; what was accepted is finished, unless it comes twice.

    Raises DigitsError if it can't listen on the address, or can't use the model or certificate.
    """
    _configure_logging(settings)
    app = App(settings)
    with bind(settings) as listener:
        server = make_server(app)

        def stop(*_: object) -> None:
            server.should_exit = True

        # uvicorn has handlers of its own while it runs. These are for a signal that comes before,
        # and for the one that uvicorn sends to itself when it has ended because of it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        if not sys.stderr.isatty():  # a terminal sends SIGHUP when it is closed
            system.on_hangup(server.reload)
        system.return_large_blocks()
        # What would stop the event loop for 50 ms: full collections, and JSON's long integers.
        gc.freeze()
        sys.set_int_max_str_digits(sys.int_info.str_digits_check_threshold)
        _announce(listener, settings)
        try:
            server.run([listener])
        finally:
            if settings.uds:
                settings.uds.unlink(missing_ok=True)
        if server.force_exit:  # don't wait for the threads
            os._exit(0)


class Server(uvicorn.Server):
    """A uvicorn server that can reload the model, and stops without losing a request."""

    def __init__(self, config: uvicorn.Config, app: App, shared: Shared) -> None:
        super().__init__(config)
        self.app, self._shared = app, shared
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reloading: asyncio.Task[None] | None = None
        self._outdated = False  # since the reload in progress began

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(_BACKLOG)  # asyncio has set _ACCEPTED

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer once more on each connection; uvicorn loses what idle ones have just sent."""
        self._shared.is_stopping = True
        for connection in list(self.server_state.connections):
            if isinstance(connection, LimitedProtocol) and connection.is_busy():
                connection.shutdown()  # once it has answered
        await self._wait_for_clients()
        await self._stop_accepting(sockets or [])
        await self._wait_for_clients()
        await super().shutdown(sockets)

    async def _wait_for_clients(self) -> None:
        """Wait until none is connected, or their time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                while self.server_state.connections and not self.force_exit:
                    await asyncio.sleep(0.01)

    async def _stop_accepting(self, listeners: list[socket.socket]) -> None:
        """Stop listening, which would reset connections that aren't accepted yet."""
        loop, pending = asyncio.get_running_loop(), []
        for listener in listeners:
            with suppress(OSError):  # BlockingIOError: that was the last
                for _ in range(_BACKLOG):
                    pending.append(listener.accept()[0])
        for server in self.servers:
            server.close()
        options: Any = {"config": self.config, "server_state": self.server_state, "app_state": {}}
        protocol = partial(self.config.http_protocol_class, **options)
        for connection in pending:
            connection.setblocking(False)
            await loop.connect_accepted_socket(protocol, connection)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; the second time at once."""
        if self.should_exit and self._loop:
            self.force_exit = True
            self._loop.call_soon_threadsafe(self._abandon_requests)
        super().handle_exit(sig, frame)

    def _abandon_requests(self) -> None:
        for task in self.server_state.tasks:
            task.cancel()

    def reload(self) -> None:
        """Schedule a reload of the model; from any thread or signal handler.

        One that is in progress is followed by one more, whatever the number of calls.
        """
        if self._loop:
            self._loop.call_soon_threadsafe(self._begin_reload)

    def _begin_reload(self) -> None:
        self._outdated = True
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.ensure_future(self._reload())

    async def _reload(self) -> None:
        while self._outdated:
            self._outdated = False
            await self.app.reload()


def make_server(app: App) -> Server:
    """Make the server, which `run([socket])` starts. Raises DigitsError for a bad certificate."""
    settings = app.settings
    context = _ssl_context(settings)
    shared = Shared()
    config = uvicorn.Config(
        app,
        http=partial(  # type: ignore[arg-type]
            partial(TlsProtocol, context) if context else LimitedProtocol,
            limits=settings,
            metrics=app.metrics,
            max_connections=_max_connections(settings.max_connections),
            shared=shared,
        ),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_ACCEPTED,
        timeout_keep_alive=settings.keepalive_timeout,  # type: ignore[arg-type]
        timeout_graceful_shutdown=int(settings.body_timeout + settings.answer_timeout) or 1,
    )
    return Server(config, app, shared)


def bind(settings: Settings) -> socket.socket:
    """Open the socket that accepts connections. Raises DigitsError if that is impossible."""
    if settings.uds:
        return _bind_unix(settings.uds)
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        # Connections inherit it. asyncio would set it only on sockets that it has made itself, and
        # without it an answer's body waits 40 ms for the client to acknowledge the head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, TypeError) as error:  # TypeError: what can't be a host's name
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise DigitsError(f"can't listen on {host}, port {port}: {reason}") from error


def _bind_unix(path: Path) -> socket.socket:
    """Open a Unix socket, replacing one that nobody listens on any more."""
    listener = system.unix_socket()
    try:
        if path.exists():
            if not stat.S_ISSOCK(path.stat().st_mode):
                raise FileExistsError(None, "it exists, and is not a Unix socket")
            if not _is_alive(path):
                path.unlink()
        listener.bind(str(path))
        listener.listen(_BACKLOG)
        return listener
    except OSError as error:
        listener.close()
        raise DigitsError(f"can't listen on {path}: {error.strerror or error}") from error


def _is_alive(path: Path) -> bool:
    with system.unix_socket() as client:
        return client.connect_ex(str(path)) == 0


def _ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """Load the certificate for HTTPS. Raises DigitsError if a file is missing or doesn't match."""
    certificate, key = settings.ssl_certfile, settings.ssl_keyfile
    if certificate is None:
        if key is not None:
            raise DigitsError("--ssl-keyfile needs --ssl-certfile")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def no_password() -> bytes:
        raise DigitsError(
            f"{key or certificate} is encrypted; a server needs a key without a password"
        )

    try:
        context.load_cert_chain(certificate, key, no_password)
    except OSError as error:  # ssl.SSLError is one
        names = f"{certificate} and {key}" if key else certificate
        reason = error.strerror or error
        raise DigitsError(f"can't use {names} as certificate and key: {reason}") from error
    return context


def _configure_logging(settings: Settings) -> None:
    """Log to stderr what the settings ask for, and never fail because of it."""
    logging.raiseExceptions = False
    for name, form in (("digits.serve", "%(levelname)s: %(message)s"), (".access", "%(message)s")):
        logger = logging.getLogger(name if not name.startswith(".") else f"digits.serve{name}")
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(form))
        logger.addHandler(handler)
        logger.propagate = False
    logging.getLogger("digits.serve").setLevel(settings.log_level.upper())
    logging.getLogger("digits.serve.access").setLevel(
        logging.INFO if settings.access_log else logging.ERROR
    )
    for level in (logging.ERROR, logging.WARNING, logging.INFO):
        logging.addLevelName(level, logging.getLevelName(level).lower())


def _announce(listener: socket.socket, settings: Settings) -> None:
    if settings.uds:
        print_stderr(f"serving unix:{settings.uds} until Ctrl-C")
    else:
        _announce_addresses(listener, settings)
    if settings.token is not None and settings.log_level != "error":
        print_stderr(
            "the API requires the token; the page asks for it, or takes it from /#token=TOKEN"
        )


def _announce_addresses(listener: socket.socket, settings: Settings) -> None:
    address, port = listener.getsockname()[:2]
    scheme = "https" if settings.ssl_certfile else "http"
    print_stderr(f"serving {_url(scheme, address, port)} until Ctrl-C")
    for other in addresses.reachable(address):
        print_stderr(f"from other devices: {_url(scheme, other, port)}")
    if ipaddress.ip_address(address).is_loopback or settings.log_level == "error":
        return
    if not settings.ssl_certfile:
        print_stderr("warning: no TLS; requests can be read on the network (see --ssl-certfile)")
    if settings.token is None:
        print_stderr(
            "warning: no token; anyone who can reach this address can use it (see --token)"
        )


def _url(scheme: str, address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{scheme}://{host}:{port}/"


def _max_connections(wanted: int) -> int:
    """As many as wanted, or as the system lets a process have files, less what it needs itself.

    Raises DigitsError when that leaves none.
    """
    allowed = system.raise_file_limit(wanted + _OTHER_FILES)
    if allowed <= _OTHER_FILES:
        raise DigitsError(
            f"`digits serve` needs more than {_OTHER_FILES} open files, but only {allowed} are"
            " allowed: raise `ulimit -n`"
        )
    return min(wanted, allowed - _OTHER_FILES)
