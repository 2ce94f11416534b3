"""The endpoints for pictures, which come as bodies or as the files of forms."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from digits.serve.body import BodyReader, client_of
from digits.serve.constraints import FLAGS, PARSERS
from digits.serve.form import FormFile, is_form, read_files
from digits.serve.labelled import LabelledFolder, check_label, check_origin
from digits.serve.metrics import Metrics
from digits.serve.picture_queue import PictureQueue
from digits.serve.pictures import Upload, to_array
from digits.serve.settings import Settings


class Uploads:
    """Answers requests with pictures.

    Raises DigitsError if the folder for labelled ones can't be used.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, bodies: BodyReader, queue: PictureQueue
    ) -> None:
        self._settings, self._metrics, self._bodies, self._queue = settings, metrics, bodies, queue
        folder = settings.save_labelled
        self._labelled = None if folder is None else LabelledFolder(folder)

    def routes(self) -> list[Route]:
        """The routes of the endpoints."""
        return [
            Route("/predict", self.predict, methods=["POST"]),
            Route("/read", self.read, methods=["POST"]),
            Route("/labelled", self.labelled, methods=["POST"]),
        ]

    async def predict(self, request: Request) -> Response:
        return await self._answer(request, "predict")

    async def read(self, request: Request) -> Response:
        return await self._answer(request, "read")

    async def _answer(self, request: Request, command: Literal["predict", "read"]) -> Response:
        known = Counter(("frame", *(PARSERS if command == "read" else ())))  # others are typos
        for name in Counter(name for name, _ in request.query_params.multi_items()) - known:
            message = f"the query may have, once each: {', '.join(known)}; not {name[:30]!r}"
            raise HTTPException(422, message)
        frame = FLAGS.get(request.query_params.get("frame", "false").lower())
        if frame is None:
            raise HTTPException(422, "frame must be true or false")
        client = client_of(request)
        async with self._files(request) as files:
            names = [file.name for file in files]
            asked = frame, str(request.query_params)
            uploads = (Upload(command, file.name, bytes(file.content), *asked) for file in files)
            if len(files) == 1:
                answers = [await self._queue.answer(next(uploads), client)]
            else:
                answers = await self._queue.answer_all(uploads, len(files), client)
        for answer in answers:
            if answer.status == 200:
                self._metrics.count_digits(command, answer.confidences, answer.unsure)
        text = answers[0].text if len(answers) == 1 else to_array(names, answers)
        return Response(text, media_type="application/json")

    async def labelled(self, request: Request) -> Response:
        if self._labelled is None:
            raise HTTPException(404, "the server keeps no pictures; see --save-labelled")
        check_origin(request.headers, self._settings.origins)
        async with self._files(request) as files:
            labels = [check_label(file.field) for file in files]
            uploads = (Upload("grey", file.name, bytes(file.content), False) for file in files)
            answers = await self._queue.answer_all(uploads, len(files), client_of(request))
        await self._labelled.keep(labels, answers)
        return Response(status_code=204)

    @asynccontextmanager
    async def _files(self, request: Request) -> AsyncIterator[list[FormFile]]:
        """The files of a request, which count as long as the context lasts. Raises Refused."""
        await self._queue.wait_for_room(client_of(request))  # before they take memory
        limits, kind = self._settings.limits, request.headers.get("content-type", "")
        max_bytes = limits.max_form_bytes + limits.max_picture_bytes
        if is_form(kind):  # which may have several
            max_bytes = max(max_bytes, limits.max_total_bytes // 2)
        async with self._bodies.read(request, max_bytes) as body:
            yield read_files(kind, body)
