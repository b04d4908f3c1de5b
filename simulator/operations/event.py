"""What is measured: an event, with its count or its seconds as a Prometheus metric and its line in the log; and a
level, which rises and falls."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from simulator.operations.log import FIELDS, LOGGER, Value

Fields = dict[str, Value]
WAITED = "waited_seconds"
"""The field of what was waited for before the thing itself began; no part of its own seconds."""
_NOTEWORTHY_SECONDS = 0.01

OTHER = "other"
EXPOSITION_TYPE = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4
"""The media type of `exposition`."""

# The moment at which each series began would be a third of what is scraped.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
_REGISTRY = CollectorRegistry()
ProcessCollector(registry=_REGISTRY)
_log = logging.getLogger(LOGGER)
_log.addHandler(logging.NullHandler())  # nobody asked for lines: not even the serious ones go to the terminal


class Event:
    """Something that happens. Without `seconds` it is the counter `simulator_<name>_total`, with them (the bounds of
    its buckets) the histogram `simulator_<name>_seconds`. Each label has only the values that are listed here; any
    other value counts as `other`."""

    def __init__(self, name: str, told: str, *, seconds: Sequence[float] = (), **labels: Sequence[str]) -> None:
        self.name = name
        self._labels = labels
        metric = f"simulator_{name}"
        self._metric: Counter | Histogram = (
            Histogram(f"{metric}_seconds", told, tuple(labels), registry=_REGISTRY, buckets=seconds)
            if seconds
            else Counter(metric, told, tuple(labels), registry=_REGISTRY)
        )
        if len(labels) == 1:  # shown from the start as 0, so that the first one is seen as a rise
            for value in next(iter(labels.values())):
                self._metric.labels(value)

    def happened(self, seconds: float = 0.0, **fields: Value) -> None:
        """Count it, and write its line. A field that is a label is counted under it; the others are in the line
        alone. With an `error` among them the line is a warning."""
        values = [self._known(name, fields.get(name, OTHER)) for name in self._labels]
        metric = self._metric.labels(*values) if values else self._metric
        if isinstance(metric, Histogram):
            metric.observe(seconds)
            fields |= {"seconds": round(seconds, 3)}
        else:
            metric.inc()
        _log.log(logging.WARNING if "error" in fields else logging.INFO, self.name, extra={FIELDS: fields})

    @contextmanager
    def timed(self, **fields: Value) -> Iterator[Fields]:
        """It happens for as long as the block runs, less the WAITED among its fields. What is yielded takes further
        fields; `outcome` is `ok`, or the class of the error that ends the block. A reader of a stream who has had
        enough is no error."""
        began, found = time.monotonic(), dict(fields)
        try:
            yield found
        except GeneratorExit:
            raise
        except BaseException as error:
            found |= {"outcome": type(error).__name__, "error": type(error).__name__}
            raise
        finally:
            waited = float(found.pop(WAITED, 0))
            told: Fields = {WAITED: round(waited, 3)} if waited > _NOTEWORTHY_SECONDS else {}
            self.happened(time.monotonic() - began - waited, **{"outcome": "ok"} | found | told)

    def _known(self, label: str, value: Value) -> str:
        return str(value) if value in self._labels[label] else OTHER


class Level:
    """Something that rises and falls: the gauge `simulator_<name>`, of which each state has its own."""

    def __init__(self, name: str, told: str, states: Sequence[str] = ()) -> None:
        self.states = states
        self._gauge = Gauge(f"simulator_{name}", told, ("state",) if states else (), registry=_REGISTRY)

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Higher by one while the block runs."""
        with self._gauge.track_inprogress():
            yield

    def stands(self, at: float | Mapping[str, float]) -> None:
        """It is so high, or so high in each state; 0 in a state that is not named."""
        if not isinstance(at, Mapping):
            self._gauge.set(at)
            return
        for state in self.states:
            self._gauge.labels(state).set(at.get(state, 0))

    def unknown(self) -> None:
        """How high it is in each state cannot be told: nothing is shown of it."""
        self._gauge.clear()


def exposition() -> bytes:
    """All counts of this process, in Prometheus's text form."""
    return prometheus_client.generate_latest(_REGISTRY)
