"""The signals and uvicorn."""

import asyncio
import gc
import os
import signal
import socket
from contextlib import suppress
from functools import partial
from types import FrameType

import uvicorn

from digits import system
from digits.errors import DigitsError
from digits.serve import listener
from digits.serve.application import Application
from digits.serve.connection import Connection

_ACCEPTED = 50  # how many connections asyncio accepts at a time
_OTHER_FILES = 6 * _ACCEPTED  # connections that are being accepted or closed, and all else


def run(app: Application) -> None:
    """Serve until SIGTERM or Ctrl-C; what was accepted is finished, unless it comes twice.

    Raises DigitsError if it can't listen on the address.
    """
    settings = app.settings
    with listener.bind(settings) as bound:
        server = make_server(app)

        def stop(*_: object) -> None:
            server.should_exit = True

        # uvicorn has handlers of its own while it runs. These are for a signal that comes before,
        # and for the one that uvicorn sends to itself when it has ended because of it.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        gc.freeze()  # full collections would stop the event loop for 50 ms
        listener.announce(bound, settings)
        try:
            server.run([bound])
        finally:
            if settings.uds:
                settings.uds.unlink(missing_ok=True)
        if server.force_exit:  # don't wait for the threads
            os._exit(0)


class Server(uvicorn.Server):
    """A uvicorn server that stops without losing a request.

    grace: seconds in which a server that is to stop still accepts connections, then requests.
    """

    def __init__(self, config: uvicorn.Config, app: Application, grace: float = 1.0) -> None:
        super().__init__(config)
        self.app, self.grace = app, grace
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        for bound in sockets or []:
            bound.listen(listener.BACKLOG)  # asyncio has set _ACCEPTED

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer once more on each connection; uvicorn loses what idle ones have just sent."""
        self.app.stop()
        await self._wait_for_clients()
        # Let asyncio accept what still waits, as closing would reset it, and make its transports.
        for _ in range(2 * listener.BACKLOG // _ACCEPTED):
            await asyncio.sleep(0)
        for accepting in self.servers:
            accepting.close()
        await self._wait_for_clients()
        await super().shutdown(sockets)

    async def _wait_for_clients(self) -> None:
        """Wait until none is connected, or their time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.grace):
                while self.server_state.connections and not self.force_exit:
                    await asyncio.sleep(0.01)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; the second time at once."""
        self.force_exit = self.should_exit
        if self.force_exit and self._loop:  # or Python 3.12 and newer wait for each connection
            for task in [*self.server_state.tasks]:
                self._loop.call_soon_threadsafe(task.cancel)
        super().handle_exit(sig, frame)


def make_server(app: Application) -> Server:
    """Make the server, which `run([socket])` starts.

    Raises DigitsError where too few files may be open.
    """
    limits = app.settings.limits
    allowed = system.raise_file_limit(limits.max_connections + _OTHER_FILES)
    if allowed <= _OTHER_FILES:
        raise DigitsError(
            f"a server needs more than {_OTHER_FILES} open files, but only {allowed} are allowed:"
            " raise `ulimit -n`"
        )
    max_connections = min(limits.max_connections, allowed - _OTHER_FILES)
    config = uvicorn.Config(
        app,
        http=partial(Connection, limits, app.metrics, max_connections),  # type: ignore[arg-type]
        loop="asyncio",  # `shutdown` counts on how it accepts connections
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_ACCEPTED,
        timeout_keep_alive=limits.keepalive_timeout,  # type: ignore[arg-type]
        timeout_graceful_shutdown=int(limits.body_timeout + limits.answer_timeout) or 1,
    )
    return Server(config, app)
