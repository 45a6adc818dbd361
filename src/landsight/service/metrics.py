"""Numbers for Prometheus: requests, photos by outcome, seconds, what waits. No coordinate, no file name, no address."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """A registry of its own, so that two services in one program do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("landsight_requests", "Requests by route and status.", ("route", "status"), registry=self.registry)
        self.seconds = Histogram(
            "landsight_request_seconds", "From the first byte to the reply.", ("route",), buckets=_SECONDS, registry=self.registry
        )
        self.photos = Counter("landsight_photos", "Photos by outcome.", ("outcome",), registry=self.registry)
        self.errors = Counter("landsight_photo_errors", "Photos without an answer by code.", ("code",), registry=self.registry)
        self.waiting = Gauge("landsight_photos_in_work", "Photos that are read, looked at or wait.", registry=self.registry)

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)
