"""The application: what each URL does."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits.inference import model_file
from digits.inference.classifier_model import ClassifierModel
from digits.inference.detector_model import DetectorModel
from digits.inference.recognizer_model import RecognizerModel
from digits.inference.second_opinion import SecondOpinion
from digits.recognize import Reader
from digits.serve import worker
from digits.serve.query import Command, parse_query
from digits.serve.queue import PictureQueue
from digits.serve.worker import PictureWorker, Upload
from digits.system import cpu_count
from digits.web.application import HEALTH, OPENAPI, Application
from digits.web.pages import Page
from digits.web.requests import BodyReader, read_file
from digits.web.settings import Limits, Settings


class Api(Application):
    """The page and the API.

    reader: reads the pictures.
    workers: how many processes read them; 0: one per core.
    start_worker: starts one of these processes, or in tests what stands for it.
    """

    def __init__(
        self,
        settings: Settings,
        reader: Reader,
        workers: int = 0,
        start_worker: Callable[[], PictureWorker] | None = None,
    ) -> None:
        limits = settings.limits
        start = start_worker or partial(worker.start_worker, reader, limits)
        self._queue = PictureQueue(start, workers or cpu_count(), limits)
        self._bodies = BodyReader(limits)
        self._page = Page("digits.serve", _page_values(limits))
        routes = [  # the most frequent ones first, as they are tried in turn
            Route("/predict", self.predict, methods=["POST"]),
            Route("/read", self.read, methods=["POST"]),
            Route(HEALTH, self.health),
            Route(OPENAPI, self.openapi),
            *self._page.routes(),
        ]
        super().__init__(routes, settings)

    async def predict(self, request: Request) -> Response:
        return await self._answer_picture(request, "predict")

    async def read(self, request: Request) -> Response:
        return await self._answer_picture(request, "read")

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def openapi(self, _: Request) -> Response:
        return self._page.answer("openapi.json")

    async def _answer_picture(self, request: Request, command: Command) -> Response:
        """Have a worker read the picture of a request. Raises HTTPException and ModelError."""
        options = parse_query(command, request.scope["query_string"].decode("latin-1"))
        await self._queue.wait_for_room()
        limits = self.settings.limits
        max_bytes = limits.max_picture_bytes + limits.max_form_bytes
        async with self._bodies.read(request, max_bytes) as body:
            file = read_file(request.headers.get("content-type", ""), body)
            answer = await self._queue.answer(Upload(command, file.name, file.content, options))
        if answer.status != 200:
            raise HTTPException(answer.status, answer.text)
        return Response(answer.text, media_type="application/json")


def load(model: Path | None, second_opinion: bool = False) -> Reader:
    """Load the three networks, by default the usual ones, and a second opinion.

    second_opinion: see `Reader`. Raises ModelError.

    The reader holds their bytes, for processes that start after the files have changed.
    """
    reader = model_file.read_file(model)
    detector = model_file.read_file(task="detector")
    recognizer = model_file.read_file(task="recognizer")
    # Only to check them: each process opens its own.
    ClassifierModel(reader)
    DetectorModel(detector)
    RecognizerModel(recognizer)
    if second_opinion:
        SecondOpinion()
    return Reader(
        reader,
        detector=detector,
        recognizer=recognizer,
        second_opinion=second_opinion,
    )


def _page_values(limits: Limits) -> dict[str, str]:
    """What the page knows of the limits: bytes and pixels of a picture, seconds for an answer."""
    return {
        "bytes": str(limits.max_picture_bytes),
        "pixels": str(limits.max_pixels),
        "seconds": str(limits.body_timeout + limits.answer_timeout),
    }
