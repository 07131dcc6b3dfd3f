"""What the service counts. One table, in a registry of its own; docs/metrics.md says what each is good for.

Labels have few values: protocols, outcomes, reasons. Never a tracker, a source or a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

disable_created_metrics()  # type: ignore[no-untyped-call]  # a gauge beside each counter that nobody asks for

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_MESSAGES = (1, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000)


class Metrics:
    """All counters of one process; make one and hand it to whoever counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._listeners()
        self._pipeline()
        self.requests = self._counter("http_requests", "HTTP requests.", "method", "route", "status")
        self.request_seconds = self._histogram("http_seconds", "Time to answer a request.", _SECONDS, "route")

    def _listeners(self) -> None:
        counter = self._counter
        self.messages = counter("messages", "Messages, by what became of them.", "protocol", "outcome")
        self.rejects = counter("rejects", "Rejected messages.", "reason")
        self.dropped = counter("dropped_messages", "Messages lost.", "reason")
        self.passed_over = counter("passed_over", "Sentences that made no message.", "why")
        self.received_bytes = counter("received_bytes", "Bytes read by listeners.", "transport")
        self.connections = self._gauge("connections", "Open TCP connections of trackers.")
        self.closed_connections = counter("closed_connections", "TCP connections that we closed.", "reason")
        self.stalls = counter("stalled_reads", "Times a TCP connection was not read for a while.", "reason")
        self.kernel_drops: list[Callable[[], int | None]] = []  # of each UDP socket
        self.watch("udp_kernel_drops", "Datagrams that found a full buffer.", self._kernel_drops, counter=True)
        self.spooled = counter("spooled_messages", "Messages put on disk while the database was away.")
        self.drained = counter("drained_messages", "Messages taken from the disk spool and committed.")
        self.spool_faults = counter("spool_faults", "Failed writes to the disk spool.")

    def _pipeline(self) -> None:
        self.unkept_rejects = self._counter("unkept_rejects", "Rejects counted and answered, but not kept.")
        self.unclaimed = self._counter("unclaimed_pings", "Held pings deleted because nobody claimed their tracker.")
        self.failed = self._counter("failed_deliveries", "Deliveries set aside: a fault of ours kept them out.")
        self.batch_messages = self._histogram("batch_messages", "Messages in a batch.", _MESSAGES)
        self.batch_seconds = self._histogram("batch_seconds", "Time from taking a batch to its commit.", _SECONDS)
        self.batch_retries = self._counter("batch_retries", "Batches decided again.", "reason")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"fleettrack_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"fleettrack_{name}", text, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"fleettrack_{name}", text, labels, buckets=buckets, registry=self.registry)

    def _kernel_drops(self) -> int:
        return sum(drops() or 0 for drops in self.kernel_drops)

    def watch(self, name: str, text: str, value: Callable[[], float | None], *, counter: bool = False) -> None:
        """Add a figure that is asked for whenever metrics are read; None leaves it out."""
        self.registry.register(_Watched(f"fleettrack_{name}", text, value, counter))

    def expose(self) -> bytes:
        """Return all figures in Prometheus' text form."""
        return generate_latest(self.registry)


class _Watched(Collector):
    def __init__(self, name: str, text: str, value: Callable[[], float | None], counter: bool) -> None:
        self._family = CounterMetricFamily if counter else GaugeMetricFamily
        self._name, self._text, self._value = name, text, value

    def describe(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        return [self._family(self._name, self._text)]

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        value = self._value()
        if value is not None:
            yield self._family(self._name, self._text, value=value)
