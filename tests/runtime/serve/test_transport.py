"""An answer's head and body are sent together, and nothing is lost when a connection closes."""

import asyncio
from typing import cast

from digits.serve.transport import join_writes


class Recorder:
    """A transport that records what is done with it."""

    def __init__(self) -> None:
        self.done: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append(b"closed")

    def is_closing(self) -> bool:
        return b"closed" in self.done


def test_writes_of_one_turn_are_sent_at_once() -> None:
    async def run() -> None:
        recorder = Recorder()
        transport = join_writes(cast(asyncio.Transport, recorder), asyncio.get_running_loop())
        for answer in (b"1", b"2"):
            transport.write(b"head " + answer)
            transport.write(b" body")
            assert not any(answer in sent for sent in recorder.done)
            await asyncio.sleep(0)
        assert recorder.done == [b"head 1 body", b"head 2 body"]
        transport.write(b"last")
        transport.close()
        assert transport.is_closing()
        await asyncio.sleep(0)
        assert recorder.done[2:] == [b"last", b"closed"]

    asyncio.run(run())
