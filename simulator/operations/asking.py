"""Who asks a process of its health, and what is said to them: for the page's server and for a port of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

LIVE, READY, METRICS = "/livez", "/readyz", "/metrics"
_OF_A_PROXY = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP status, a body and its media type."""

    status: int
    body: bytes = b""
    media_type: str = "text/plain; charset=utf-8"


ALIVE = Reply(200, b"alive\n")
REFUSED = Reply(403)


def is_welcome(headers: Mapping[str, str]) -> bool:
    """Whether the one who asks (header names in small letters) may be told: it is no other web page that asks, and
    nobody behind a proxy, which would hand the counts to every visitor."""
    foreign = "origin" in headers or headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    return not foreign and not any(name in headers for name in _OF_A_PROXY)
