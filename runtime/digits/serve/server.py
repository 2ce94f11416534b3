"""The socket, the signals, uvicorn."""

import signal
import socket

import uvicorn

from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.serve import app, limits
from digits.serve.connection import Connection
from digits.terminal import complain

_LOCAL = ("127.0.0.1", "::1", "localhost")


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
        shown = f"[{host}]" if ":" in host else host
        complain(f"serving http://{shown}:{listener.getsockname()[1]}/ until Ctrl-C")
        if host not in _LOCAL:
            complain("whoever can reach this address can use it, and may be overheard: no TLS")
        server.run([listener])


def configured(classifier: Classifier) -> uvicorn.Server:
    """The server, which `run([socket])` starts."""
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
        timeout_keep_alive=limits.IDLE_SECONDS,
        timeout_graceful_shutdown=int(limits.BODY_SECONDS + limits.ANSWER_SECONDS),
    )
    return uvicorn.Server(config)


def listening(host: str, port: int) -> socket.socket:
    """A socket that accepts connections. Raises DigitsError when there can be none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=limits.CONNECTIONS)
        # Connections inherit it. asyncio would set it only on sockets that it has made itself, and
        # without it an answer's body waits 40 ms for the client to acknowledge the head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DigitsError(f"can't listen on {host}, port {port}: {reason}") from error
