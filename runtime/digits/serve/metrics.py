"""Metrics for Prometheus, which tell nothing about a picture but the confidence of its digits."""

import platform
from collections.abc import Sequence
from functools import partial

import onnxruntime
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from digits import __version__
from digits.inference.classifier_model import ClassifierModel

# The upper ends of the histograms' buckets.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CONFIDENCES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
_MODEL_LABELS = ("architecture", "quantization", "compute_type", "checkpoint")


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        counter = partial(Counter, registry=registry)
        histogram = partial(Histogram, registry=registry)
        gauge = partial(Gauge, registry=registry)
        self.requests = counter("digits_requests", "Requests answered.", ("endpoint", "status"))
        text = "From a request's headers to the end of its answer."
        self.seconds = histogram("digits_request_seconds", text, ("endpoint",), buckets=_SECONDS)
        self.in_progress = gauge("digits_requests_in_progress", "Requests not yet answered.")
        self.queued_pictures = gauge("digits_queued_pictures", "Pictures that wait or run.")
        text = "Digits read, by answer: digit or unsure."
        self._answers = counter("digits_answers", text, ("endpoint", "answer"))
        text = "Confidence of each digit that was read."
        self._confidence = histogram("digits_confidence", text, ("endpoint",), buckets=_CONFIDENCES)
        self._model = gauge("digits_model_info", "The model that is served.", _MODEL_LABELS)
        build = gauge("digits_build_info", "Versions in use.", ("version", "python", "onnxruntime"))
        build.labels(__version__, platform.python_version(), onnxruntime.__version__).set(1)

    def set_model(self, model: ClassifierModel) -> None:
        """Describe the model that is served."""
        metadata = model.metadata
        self._model.labels(
            metadata.architecture,
            metadata.quantization,
            model.compute_type,
            metadata.checkpoint_sha256,
        ).set(1)

    def count_digits(self, endpoint: str, confidences: Sequence[float], unsure: int) -> None:
        """Count the digits of an answer.

        confidences: of each digit; a change shows drift.
        unsure: how many of the digits are unsure.
        """
        histogram = self._confidence.labels(endpoint)
        for confidence in confidences:
            histogram.observe(confidence)
        self._answers.labels(endpoint, "digit").inc(len(confidences) - unsure)
        self._answers.labels(endpoint, "unsure").inc(unsure)

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)
