"""The application: what each URL does."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits.classifier import Classifier
from digits.errors import DigitsError
from digits.inference import model_file
from digits.inference.detector_model import DetectorModel
from digits.inference.recognizer_model import RecognizerModel
from digits.serve import openapi, pages, pictures, v2
from digits.serve.application import OPENAPI, Application
from digits.serve.batcher import Batcher
from digits.serve.body import BodyReader, client_of
from digits.serve.constraints import FLAGS, PARSERS
from digits.serve.form import FormFile, is_form, read_files
from digits.serve.metrics import Metrics
from digits.serve.picture_queue import PictureQueue
from digits.serve.pictures import PictureWorker, Upload, to_array
from digits.serve.refusals import Refused
from digits.serve.settings import Settings
from digits.terminal import print_stderr

_MODELS = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")


class App(Application):
    """The page and the API.

    classifier: the first model to serve; by default the one in the settings. start_worker: starts
    what reads pictures with a model; by default a process. Raises ModelError when the model can't
    be used.
    """

    def __init__(
        self,
        settings: Settings,
        classifier: Classifier | None = None,
        start_worker: Callable[[Classifier], PictureWorker] | None = None,
    ) -> None:
        limits, metrics = settings.limits, Metrics()
        classifier = classifier or _load(settings)
        self._start_worker = start_worker or partial(pictures.start_worker, limits=limits)
        self._name = classifier.model.metadata.architecture
        self._bodies = BodyReader(limits)
        self._batcher = batcher = Batcher(classifier.model, limits, metrics)
        start = partial(self._start_worker, classifier)
        self._pictures = queue = PictureQueue(start, settings.workers, limits, metrics)
        metrics.queued_digits.set_function(lambda: batcher.waiting)
        metrics.queued_pictures.set_function(lambda: queue.waiting)
        self._page = pages.Page("digits.serve")
        description = openapi.schema(self._name, limits, settings.token is not None)
        super().__init__(self._all_routes(description), settings, metrics)
        self._publish_model(classifier)

    async def reload(self) -> None:
        """Serve what the networks' files hold now.

        An unusable file is logged and changes nothing. The previous ones answer the requests that
        came before.
        """
        try:
            classifier = await asyncio.to_thread(_load, self.settings)
            await self._pictures.replace(partial(self._start_worker, classifier))
        except DigitsError as error:
            print_stderr(f"error: the model was not reloaded: {error}")
            self.metrics.reloads.labels("failed").inc()
        else:
            self._batcher.model = classifier.model
            self._publish_model(classifier)
            print_stderr("the model was reloaded")
            self.metrics.reloads.labels("done").inc()

    def _publish_model(self, classifier: Classifier) -> None:
        network = classifier.model
        self._model = JSONResponse(v2.model_metadata(self._name, network.metadata))
        self._page.publish(pages.values(network.metadata, self.settings))
        self._threshold = classifier.threshold
        self.metrics.set_model(self._name, v2.VERSION, network)

    def _all_routes(self, description: openapi.Json) -> list[Route]:
        async def metrics(_: Request) -> Response:
            return Response(self.metrics.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

        return [  # what is asked most comes first: they are tried in turn
            *(Route(f"{path}/infer", self.infer, methods=["POST"]) for path in _MODELS),
            Route("/predict", self.predict, methods=["POST"]),
            Route("/read", self.read, methods=["POST"]),
            _constant("/v2", "server", v2.SERVER),
            _constant("/v2/health/live", "live", {"live": True}),
            _constant("/v2/health/ready", "ready", {"ready": True}),
            *(Route(path, self.model) for path in _MODELS),
            *(Route(f"{path}/ready", self.model_ready) for path in _MODELS),
            Route("/metrics", metrics),
            _constant(OPENAPI, "openapi", description),
            *self._page.routes(),
        ]

    async def model(self, request: Request) -> Response:
        self._check_model(request)
        return self._model

    async def model_ready(self, request: Request) -> Response:
        self._check_model(request)
        return JSONResponse({"name": self._name, "ready": True})

    async def infer(self, request: Request) -> Response:
        self._check_model(request)
        length = request.headers.get(v2.JSON_LENGTH)
        limits = self.settings.limits
        async with self._bodies.read(request, limits.max_tensor_bytes) as body:
            # Here: 2 MB take at most 30 ms, for which a thread would stop the event loop, too.
            asked = v2.parse_request(body, length, limits.max_batch)
        rows = await self._batcher.probabilities(asked.images)
        confidences = rows.max(1).tolist()
        unsure = sum(confidence < self._threshold for confidence in confidences)
        self.metrics.count_digits("infer", confidences, unsure)
        content, headers = v2.encode_response(asked, rows, self._name)
        return Response(content, headers=headers)

    def _check_model(self, request: Request) -> None:
        name, version = request.path_params["name"], request.path_params.get("version", v2.VERSION)
        if (name, version) != (self._name, v2.VERSION):
            raise Refused(404, f"the only model is {self._name}, version {v2.VERSION}")

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
        client, query = client_of(request), str(request.query_params)
        async with self._files(request) as files:
            file_names = [file.name for file in files]
            uploads = (
                Upload(command, file.name, bytes(file.content), frame, query) for file in files
            )
            if len(files) == 1:  # which isn't to wait while the queue is full
                answers = [await self._pictures.answer(next(uploads), client)]
            else:
                answers = await self._pictures.answer_all(uploads, len(files), client)
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
        await self._pictures.wait_for_room(client_of(request))  # before they take memory
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


def _constant(path: str, name: str, content: object) -> Route:
    """The route of JSON that never changes. name: of the endpoint, in the metrics."""
    response: Any = JSONResponse(content)
    response.__name__ = name
    return Route(path, response, methods=["GET"])
