"""What Prometheus may know: how many, how long, how large; nothing of what is on a picture."""

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

__all__ = ["CONTENT_TYPE", "Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_DIGITS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._registry = registry
        self.requests = Counter(
            "digits_requests", "Requests answered.", ("endpoint", "status"), registry=registry
        )
        self.seconds = Histogram(
            "digits_request_seconds",
            "From the request's head to the end of its answer.",
            ("endpoint",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.batch = Histogram(
            "digits_batch_digits",
            "Digits in one run of the network.",
            buckets=_DIGITS,
            registry=registry,
        )
        self.in_progress = Gauge(
            "digits_requests_in_progress", "Requests not yet answered.", registry=registry
        )

    def text(self) -> bytes:
        """All of them in Prometheus' text form, version 0.0.4."""
        return generate_latest(self._registry)
