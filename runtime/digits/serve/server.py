"""The socket, the signals, uvicorn."""

import ipaddress
import logging
import os
import signal
import socket

import uvicorn

from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.serve import addresses, app, limits
from digits.serve.connection import Connection
from digits.terminal import complain

# Connections that wait to be accepted; asyncio takes as many at a time, each of which is a file.
_BACKLOG, _SMALL_BACKLOG = 1000, 100


def serve(classifier: Classifier, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C; what was accepted until then is finished.

    port: 0 takes any that is free. Raises DigitsError when the address can't be listened on.
    """
    with listening(host, port) as listener:
        server = configured(classifier)

        def stop(*_: object) -> None:
            server.should_exit = True

        # uvicorn has handlers of its own while it runs. These are for a signal that comes before,
        # and for the one that uvicorn sends to itself when it has ended because of it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        address, port = listener.getsockname()[:2]
        complain(f"serving http://{_in_url(address)}:{port}/ until Ctrl-C")
        for other in addresses.reachable(address):
            complain(f"from other devices: http://{_in_url(other)}:{port}/")
        if not ipaddress.ip_address(address).is_loopback:
            complain("whoever can reach this address can use it, and may be overheard: no TLS")
        server.run([listener])
        if server.force_exit:  # a second Ctrl-C: don't wait for the threads
            os._exit(0)


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def configured(classifier: Classifier) -> uvicorn.Server:
    """The server, which `run([socket])` starts."""
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # clients can't write into logs
    connections, backlog = _bounds()
    config = uvicorn.Config(
        app.create(classifier),
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=connections + 1,
        backlog=backlog,
        timeout_keep_alive=limits.IDLE_SECONDS,
        timeout_graceful_shutdown=int(limits.BODY_SECONDS + limits.ANSWER_SECONDS),
    )
    return uvicorn.Server(config)


def listening(host: str, port: int) -> socket.socket:
    """A socket that accepts connections. Raises DigitsError when there can be none."""
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


def _bounds() -> tuple[int, int]:
    """How many connections there may be, and how many may wait to be accepted.

    As many as wanted, or as the system lets a process have files, less what it needs itself.
    Raises DigitsError when that leaves none.
    """
    try:
        import resource
    except ImportError:  # Windows, where sockets aren't files
        return limits.CONNECTIONS, _BACKLOG
    wanted = limits.CONNECTIONS + 3 * _BACKLOG
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    backlog = _BACKLOG if soft >= wanted else _SMALL_BACKLOG
    if soft <= 3 * backlog:
        raise DigitsError(
            f"`digits serve` needs more than {3 * backlog} open files, but only {soft} are"
            " allowed: raise `ulimit -n`"
        )
    return min(limits.CONNECTIONS, soft - 3 * backlog), backlog
