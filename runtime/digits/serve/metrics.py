"""Metrics for Prometheus: counts, durations and confidence, but nothing else about a picture."""

import platform
from collections.abc import Callable, Iterable
from functools import cache

import onnxruntime
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE

from digits import __version__
from digits.inference.model import Model

__all__ = ["CONTENT_TYPE", "Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_CONFIDENCES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._requests = Counter(
            "digits_requests", "Requests answered.", ("endpoint", "status"), registry=registry
        )
        self._seconds = Histogram(
            "digits_request_seconds",
            "From a request's headers to the end of its answer.",
            ("endpoint",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._refusals = Counter(
            "digits_refusals", "Requests and connections refused.", ("reason",), registry=registry
        )
        self.in_progress = Gauge(
            "digits_requests_in_progress", "Requests not yet answered.", registry=registry
        )
        self.batch = _counts("digits_batch_digits", "Digits in one run of the network.", registry)
        self.picture_batch = _counts(
            "digits_batch_pictures", "Pictures in one run of the network.", registry
        )
        self.reloads = Counter(
            "digits_model_reloads", "Reloads of the model.", ("result",), registry=registry
        )
        self._describe_answers(registry)
        build = Gauge(
            "digits_build_info",
            "Versions in use.",
            ("version", "python", "onnxruntime"),
            registry=registry,
        )
        build.labels(__version__, platform.python_version(), onnxruntime.__version__).set(1)

    def _describe_answers(self, registry: CollectorRegistry) -> None:
        self._answers = Counter(
            "digits_answers",
            "Digits read, by answer: digit or unsure.",
            ("endpoint", "answer"),
            registry=registry,
        )
        self._confidence = Histogram(
            "digits_confidence",
            "Confidence of each digit that was read.",
            ("endpoint",),
            buckets=_CONFIDENCES,
            registry=registry,
        )
        self._model = Gauge(
            "digits_model_info",
            "The model that is served.",
            ("name", "version", "architecture", "quantization", "kernels", "checkpoint"),
            registry=registry,
        )
        self._loaded = Gauge(
            "digits_model_loaded_timestamp_seconds", "When the model was loaded.", registry=registry
        )

        # Looking them up by label takes longer than counting.
        self._of_request = cache(
            lambda endpoint, status: (
                self._requests.labels(endpoint, status),
                self._seconds.labels(endpoint),
            )
        )
        self._of_answer = cache(
            lambda endpoint: (
                self._confidence.labels(endpoint),
                self._answers.labels(endpoint, "digit"),
                self._answers.labels(endpoint, "unsure"),
            )
        )

    def add_gauge(self, name: str, help_: str, depth: Callable[[], float]) -> None:
        """Add a number that is computed for each scrape."""
        Gauge(name, help_, registry=self._registry).set_function(depth)

    def set_model(self, name: str, version: str, model: Model) -> None:
        """Describe the model that is served from now on."""
        metadata = model.metadata
        self._model.clear()
        self._model.labels(
            *(name, version, metadata.architecture, metadata.quantization, model.kernels),
            metadata.checkpoint_sha256,
        ).set(1)
        self._loaded.set_to_current_time()

    def count_request(self, endpoint: str, status: int, seconds: float) -> None:
        """Count a request."""
        requests, durations = self._of_request(endpoint, status)
        requests.inc()
        durations.observe(seconds)

    def count_refusal(self, reason: str) -> None:
        """Count a refusal."""
        self._refusals.labels(reason).inc()

    def count_digits(self, endpoint: str, confidences: Iterable[float], unsure: int) -> None:
        """Count digits that were read, and the unsure ones among them: a change shows drift."""
        histogram, digits, unsure_digits = self._of_answer(endpoint)
        total = 0
        for confidence in confidences:
            histogram.observe(confidence)
            total += 1
        digits.inc(total - unsure)
        unsure_digits.inc(unsure)

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)


def _counts(name: str, help_: str, registry: CollectorRegistry) -> Histogram:
    return Histogram(name, help_, buckets=_COUNTS, registry=registry)
