"""The page server as whoever runs it sees it: routes for its health beside the pages, its log, and a quiet end.

`python -m simulator.pages.serving` takes what `streamlit run` takes. The routes keep the page's guards: they answer
only the hosts that the page's own socket answers. Until they are asked, nothing heavy is imported.
"""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import NoReturn

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from streamlit.web import cli
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from simulator.operations import log
from simulator.operations.asking import ALIVE, LIVE, METRICS, READY, REFUSED, Reply, is_welcome

SERVED = "server.py"


async def _answer(request: Request) -> Response:
    said = REFUSED
    if is_host_allowed(request.headers.get("host")) and is_welcome(request.headers):
        path = request.url.path
        said = ALIVE if path == LIVE else await run_in_threadpool(_health, path)
    return Response(said.body, said.status, media_type=said.media_type)


def _health(path: str) -> Reply:
    from simulator import health
    from simulator.pages import shell

    return health.reply(path, shell.program)


ROUTES = [Route(path, _answer) for path in (LIVE, READY, METRICS)]


@asynccontextmanager
async def life(_: st.App) -> AsyncIterator[None]:
    """From the server's start to its end. Its log begins here: the web server has set up its own by now."""
    log.begin(os.environ.get("SIMULATOR_LOG", ""))
    yield


def page_failed(error: Exception) -> None:
    """Count an error of a page; the page says what it says anyway."""
    from simulator.operations.events import PAGE_FAILED

    PAGE_FAILED.happened(error=type(error).__name__)


def main() -> None:
    """Serve until a signal ends it."""
    # The server stops by itself on these, and then sends them once more to whom they were for: not an error.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, _leave)
    cli.main(["run", SERVED, *sys.argv[1:]])


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
