"""Metrics for Prometheus, on a port of their own that only this machine reaches."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
)

from server.database import DB

REGISTRY = CollectorRegistry()

ANSWERS = Counter(
    "apero_answers_total",
    "Answers by route and status.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
SECONDS = Histogram(
    "apero_answer_seconds",
    "How long an answer took, by route.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)
OUTBOX_AGE = Gauge(
    "apero_outbox_age_seconds", "Age of the oldest job that is due.", registry=REGISTRY
)
JOBS_GIVEN_UP = Gauge(
    "apero_jobs_given_up",
    "Jobs that failed for good and wait for somebody.",
    registry=REGISTRY,
)
POOL_IN_USE = Gauge("apero_pool_in_use", "Database connections in use.", registry=REGISTRY)


def _in_use() -> float:
    pool = DB.pool
    return float(pool.get_size() - pool.get_idle_size()) if pool is not None else 0.0


POOL_IN_USE.set_function(_in_use)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Count one answer; the route is its pattern, so no key or secret becomes a label."""
    ANSWERS.labels(method, route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)


def open_port(port: int) -> None:
    """Serve the metrics on loopback; 0 keeps the port shut."""
    if port:
        start_http_server(port, addr="127.0.0.1", registry=REGISTRY)
