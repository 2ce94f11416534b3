"""A queue of pictures for the processes that read them."""

import asyncio
from collections.abc import Callable

from starlette.exceptions import HTTPException

from digits.processes import Pool, StartFailed, WorkerDied
from digits.serve.worker import PictureResponse, PictureWorker, TooMuchMemory, Upload
from digits.web.settings import Limits

_PAUSE_SECONDS = 0.5  # before a client learns that the queue is full


class PictureQueue:
    """Reads pictures in processes, first come, first served. Belongs to one event loop.

    A process, unlike a thread, can be stopped while it decodes, and frees all its memory.

    start_worker: starts a process that runs `worker.answer`.
    workers: how many such processes there may be.
    """

    def __init__(
        self, start_worker: Callable[[], PictureWorker], workers: int, limits: Limits
    ) -> None:
        self._limits = limits
        self._pool = Pool(start_worker, workers)
        self.pending = 0  # unanswered pictures, including those being read

    async def answer(self, upload: Upload) -> PictureResponse:
        """Answer a picture; if the task is cancelled while it waits, it isn't read.

        Raises ModelError, and HTTPException (429) if the queue is full.
        """
        max_bytes = self._limits.max_picture_bytes
        if len(upload.content) > max_bytes:
            return PictureResponse(413, f"a picture may have at most {max_bytes:,} bytes")
        await self.wait_for_room()
        self.pending += 1
        try:
            submitted = self._pool.submit(upload, self._limits.picture_timeout)
            return await asyncio.wrap_future(submitted)
        except TooMuchMemory:
            return PictureResponse(503, "the picture takes too much memory")
        except TimeoutError:
            cause = "picture or the pattern" if "pattern" in upload.options else "picture"
            return PictureResponse(503, f"the {cause} takes too much time")
        except StartFailed as error:
            return PictureResponse(503, str(error))
        except WorkerDied as error:
            if error.is_bug:
                raise
            return PictureResponse(503, "the process that read the picture was killed")
        finally:
            self.pending -= 1

    async def wait_for_room(self) -> None:
        """Raise HTTPException (429) if the queue is full, and still is after a pause.

        Clients that retry at once would otherwise use the time needed for reading pictures.
        """
        if self._is_full:
            await asyncio.sleep(_PAUSE_SECONDS)
        if self._is_full:
            raise HTTPException(429, "too many pictures are waiting", {"retry-after": "1"})

    @property
    def _is_full(self) -> bool:
        return self.pending >= self._limits.max_queued_pictures
