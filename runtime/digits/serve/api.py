"""The application: what each URL does."""

import html
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits.classifier import Classifier
from digits.inference import model_file
from digits.inference.detector_model import DetectorModel
from digits.inference.metadata import ClassifierMetadata
from digits.inference.recognizer_model import RecognizerModel
from digits.inference.second_opinion import SecondOpinion
from digits.serve import worker
from digits.serve.metrics import Metrics
from digits.serve.queue import PictureQueue
from digits.serve.worker import FLAGS, PARSERS, PictureWorker, Upload, to_array
from digits.system import cpu_count
from digits.web.application import HEALTH, OPENAPI, Application
from digits.web.pages import Page
from digits.web.requests import BodyReader, Refused, SentFile, is_multipart, read_files
from digits.web.settings import Settings


class Api(Application):
    """The page and the API.

    classifier: reads the pictures.
    workers: how many processes read them; 0: one per core.
    start_worker: starts one of these processes, or in tests what stands for it.
    """

    def __init__(
        self,
        settings: Settings,
        classifier: Classifier,
        workers: int = 0,
        start_worker: Callable[[], PictureWorker] | None = None,
    ) -> None:
        limits, metrics = settings.limits, Metrics()
        start = start_worker or partial(worker.start_worker, classifier, limits)
        queue = PictureQueue(start, workers or cpu_count(), limits)
        metrics.queued_pictures.set_function(lambda: queue.unanswered)
        metrics.in_progress.set_function(lambda: self.in_progress)
        metrics.set_model(classifier.model)
        self._metrics, self._bodies, self._queue = metrics, BodyReader(limits), queue
        page = Page("digits.serve", _page_values(classifier.model.metadata, settings))
        super().__init__(self._all_routes(page), settings)

    def count_request(self, endpoint: str, status: int, seconds: float) -> None:
        self._metrics.requests.labels(endpoint, status).inc()
        self._metrics.seconds.labels(endpoint).observe(seconds)

    def _all_routes(self, page: Page) -> list[Route]:
        async def health(_: Request) -> Response:
            return JSONResponse({"status": "ok"})

        async def metrics(_: Request) -> Response:
            return Response(self._metrics.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

        async def openapi(_: Request) -> Response:
            return page.answer("openapi.json")

        return [  # the most frequent ones first, as they are tried in turn
            Route("/predict", self.predict, methods=["POST"]),
            Route("/read", self.read, methods=["POST"]),
            Route(HEALTH, health),
            Route("/metrics", metrics),
            Route(OPENAPI, openapi),
            *page.routes(),
        ]

    async def predict(self, request: Request) -> Response:
        return await self._answer_pictures(request, "predict", ["frame"])

    async def read(self, request: Request) -> Response:
        return await self._answer_pictures(request, "read", [*PARSERS])

    async def _answer_pictures(
        self, request: Request, command: Literal["predict", "read"], parameters: list[str]
    ) -> Response:
        """Answer each picture of a request, once its query is checked.

        parameters: those that the query may have. Raises Refused.
        """
        names = Counter(name for name, _ in request.query_params.multi_items())
        for name in names - Counter(parameters):
            message = f"the query may have, once each: {', '.join(parameters)}; not {name[:30]!r}"
            raise Refused(422, message)
        with_frame = FLAGS.get(request.query_params.get("frame", "false").lower())
        if with_frame is None:
            raise Refused(422, "frame must be true or false")
        query = str(request.query_params)
        async with self._files(request) as files:
            file_names = [file.name for file in files]
            uploads = (
                Upload(command, file.name, bytes(file.content), with_frame, query) for file in files
            )
            if len(files) == 1:  # it is refused while the queue is full; several wait
                answers = [await self._queue.answer(next(uploads))]
            else:
                answers = await self._queue.answer_all(uploads)
        for answer in answers:
            if answer.status == 200:
                self._metrics.count_digits(command, answer.confidences, answer.unsure)
            elif len(answers) == 1:
                raise Refused(answer.status, answer.text)
        text = answers[0].text if len(answers) == 1 else to_array(file_names, answers)
        return Response(text, media_type="application/json")

    @asynccontextmanager
    async def _files(self, request: Request) -> AsyncIterator[list[SentFile]]:
        """The files of a request, in memory as long as the context lasts. Raises Refused."""
        await self._queue.wait_for_room()
        limits, content_type = self.settings.limits, request.headers.get("content-type", "")
        max_bytes = limits.max_form_bytes + limits.max_picture_bytes
        if is_multipart(content_type):  # which may have several
            max_bytes = max(max_bytes, limits.max_total_bytes // 2)
        async with self._bodies.read(request, max_bytes) as body:
            yield read_files(content_type, body)


def load(model: Path | None, second_opinion: bool = False) -> Classifier:
    """Load the three networks, by default the usual ones, and a second opinion.

    second_opinion: see `Classifier`. Raises ModelError.

    The classifier holds their bytes, for processes that start after the files have changed.
    """
    detector = model_file.read_file(task="detector")
    recognizer = model_file.read_file(task="recognizer")
    # Only to check them: each process opens its own.
    DetectorModel(detector)
    RecognizerModel(recognizer)
    if second_opinion:
        SecondOpinion()
    return Classifier(
        model_file.read_file(model),
        detector=detector,
        recognizer=recognizer,
        second_opinion=second_opinion,
    )


def _page_values(metadata: ClassifierMetadata, settings: Settings) -> dict[str, str]:
    """The document's values: the model, the limits, and whether a token is needed."""
    texts = {
        "needed": "data-needed" if settings.token is not None else "",
        "bytes": str(settings.limits.max_picture_bytes),
        "pixels": str(settings.limits.max_pixels),
        "seconds": str(settings.limits.body_timeout + settings.limits.answer_timeout),
        "model": metadata.architecture,
        "accuracy": f"{100 * metadata.test_accuracy:.2f} %",
        "checkpoint": metadata.checkpoint_sha256[:8],
        "version": metadata.digits_version,
    }
    return {name: html.escape(text) for name, text in texts.items()}
