"""The processes that run until they are stopped: `simulator serve`, the page; `simulator work`, gradings alone."""

import os
import signal
import socket
import sys
import time
from contextlib import closing
from types import FrameType
from typing import Annotated, NoReturn

import typer

from simulator import health
from simulator.errors import ConfigurationError
from simulator.program import Program
from simulator.settings import ROOT, Settings, load_settings, stays_here

_FRUGAL = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072", "OPENBLAS_NUM_THREADS": "1"}
"""Has glibc give memory back that it would keep for each thread, a third of what a page server holds; and small
products done where they are asked for: on a busy machine, threads wait for each other fifty times as long."""
_LOOPBACK = "127.0.0.1"
_RETRY_SECONDS = 15.0


def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    host: Annotated[
        str, typer.Option(help="To listen on; another than this machine's own needs a sign-in.")
    ] = _LOOPBACK,
) -> None:
    """Serve the page until it is stopped."""
    settings = load_settings()
    if not stays_here(host) and not settings.sign_in:
        raise ConfigurationError(
            f"On {host} everyone who reaches this port would see the same interviews.", "Set SIMULATOR_SIGN_IN."
        )
    _require_free(host, port)
    os.chdir(ROOT)  # where .streamlit/config.toml lies
    command = [sys.executable, "-m", "simulator.pages.serving", *_options(settings, host, port)]
    os.execve(sys.executable, command, _FRUGAL | os.environ | {"SIMULATOR_LOG": settings.log})


def _require_free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} on {host} cannot be used: {error.strerror}.", f"Choose another: `make run PORT={port + 1}`."
        ) from error


def _options(settings: Settings, host: str, port: int) -> list[str]:
    """What the file of Streamlit's options cannot know."""
    options = ["--server.port", str(port), "--server.address", host]
    if settings.public_host:
        for name in (_LOOPBACK, "localhost", settings.public_host):
            options += ["--server.allowedHosts", name]
        options += ["--browser.serverAddress", settings.public_host]
    return options


def work() -> None:
    """Grade what waits, for all who share the database, until it is stopped; what is in hand is finished first."""
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, _leave)
    settings = load_settings()
    with closing(Program(settings)) as program:
        if settings.metrics_port:
            health.listen(settings.metrics_port, program)
        told = None
        try:
            while True:
                program.grading.start()
                program.warm_up()  # also after a failure: the model's server may be back
                time.sleep(_RETRY_SECONDS)
                if program.loading_error is not None and str(program.loading_error) != told:
                    told = str(program.loading_error)
                    typer.echo(told, err=True)
        finally:
            program.grading.close(wait=True)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(0)
