"""The application: what each URL does."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Literal

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits.classifier import Classifier
from digits.inference import model_file
from digits.inference.detector_model import DetectorModel
from digits.inference.recognizer_model import RecognizerModel
from digits.serve import pages, pictures
from digits.serve.application import HEALTH, OPENAPI, Application
from digits.serve.body import BodyReader
from digits.serve.constraints import FLAGS, PARSERS
from digits.serve.form import FormFile, is_form, read_files
from digits.serve.metrics import Metrics
from digits.serve.picture_queue import PictureQueue
from digits.serve.pictures import PictureWorker, Upload, to_array
from digits.serve.refusals import Refused
from digits.serve.settings import Settings


class App(Application):
    """The page and the API.

    classifier: what reads; by default with the models in the settings. start_worker: starts what
    reads pictures with it; by default a process. Raises ModelError when a model can't be used.
    """

    def __init__(
        self,
        settings: Settings,
        classifier: Classifier | None = None,
        start_worker: Callable[[Classifier], PictureWorker] | None = None,
    ) -> None:
        limits, metrics = settings.limits, Metrics()
        classifier = classifier or _load(settings)
        model = classifier.model
        start = partial(start_worker or partial(pictures.start_worker, limits=limits), classifier)
        self._bodies = BodyReader(limits)
        self._pictures = queue = PictureQueue(start, settings.workers, limits, metrics)
        metrics.queued_pictures.set_function(lambda: queue.waiting)
        metrics.set_model(model)
        page = pages.Page("digits.serve", values=pages.values(model.metadata, settings))
        super().__init__(self._all_routes(page), settings, metrics)

    def _all_routes(self, page: pages.Page) -> list[Route]:
        async def health(_: Request) -> Response:
            return JSONResponse({"status": "ok"})

        async def metrics(_: Request) -> Response:
            return Response(self.metrics.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

        return [  # what is asked most comes first: they are tried in turn
            Route("/predict", self.predict, methods=["POST"]),
            Route("/read", self.read, methods=["POST"]),
            Route(HEALTH, health),
            Route("/metrics", metrics),
            Route(OPENAPI, page.openapi),
            *page.routes(),
        ]

    async def predict(self, request: Request) -> Response:
        return await self._answer_pictures(request, "predict", ["frame"])

    async def read(self, request: Request) -> Response:
        return await self._answer_pictures(request, "read", [*PARSERS])

    async def _answer_pictures(
        self, request: Request, command: Literal["predict", "read"], known: list[str]
    ) -> Response:
        """known: the parameters that the query may have."""
        names = Counter(name for name, _ in request.query_params.multi_items())
        for name in names - Counter(known):  # perhaps mistyped
            message = f"the query may have, once each: {', '.join(known)}; not {name[:30]!r}"
            raise Refused(422, message)
        frame = FLAGS.get(request.query_params.get("frame", "false").lower())
        if frame is None:
            raise Refused(422, "frame must be true or false")
        query = str(request.query_params)
        async with self._files(request) as files:
            file_names = [file.name for file in files]
            uploads = (
                Upload(command, file.name, bytes(file.content), frame, query) for file in files
            )
            if len(files) == 1:  # which isn't to wait while the queue is full
                answers = [await self._pictures.answer(next(uploads))]
            else:
                answers = await self._pictures.answer_all(uploads, len(files))
        for answer in answers:
            if answer.status == 200:
                self.metrics.count_digits(command, answer.confidences, answer.unsure)
            elif len(answers) == 1:
                raise Refused(answer.status, answer.text, reason=answer.reason)
            else:
                self.metrics.refusals.labels(answer.reason).inc()
        text = answers[0].text if len(answers) == 1 else to_array(file_names, answers)
        return Response(text, media_type="application/json")

    @asynccontextmanager
    async def _files(self, request: Request) -> AsyncIterator[list[FormFile]]:
        """The files of a request, which count as long as the context lasts. Raises Refused."""
        await self._pictures.wait_for_room()  # before they take memory
        limits, kind = self.settings.limits, request.headers.get("content-type", "")
        max_bytes = limits.max_form_bytes + limits.max_picture_bytes
        if is_form(kind):  # which may have several
            max_bytes = max(max_bytes, limits.max_total_bytes // 2)
        async with self._bodies.read(request, max_bytes) as body:
            yield read_files(kind, body)


def _load(settings: Settings) -> Classifier:
    """Hold the files, for processes that start after they have changed. Raises ModelError."""
    detector = model_file.read_file(settings.detector, "detector")
    recognizer = model_file.read_file(settings.recognizer, "recognizer")
    _ = DetectorModel(detector), RecognizerModel(recognizer)  # each process opens its own
    model = model_file.read_file(settings.model)
    return Classifier(model, detector=detector, recognizer=recognizer)
