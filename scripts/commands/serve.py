"""Serve one function over HTTP with the framework that runs it in the cloud."""

import os
import socket
import sys

import click

from functions import wiring
from scripts.installation.checkout import ROOT
from scripts.output.console import emit, json_option
from shared.core.errors import UserError


def list_functions() -> list[str]:
    """The functions of this project, by name."""
    return sorted(path.parent.name for path in (ROOT / "functions").glob("*/main.py"))


@click.command()
@click.argument("function", default="tick", type=click.Choice(list_functions()))
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="The port to listen on.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@json_option
def command(*, function: str, port: int, host: str, as_json: bool) -> None:
    """Serve a function over HTTP, as the cloud does; `tick` unless told.

    tick: POST runs one, GET tells how the bot is. backtest: POST {"start": "2026-01-01", "end":
    "2026-02-01"} runs one, GET tells what was run. retrain: POST {} works on this week's
    retraining, {"dry_run": true} without writing; GET tells of the last ones. alerts: POST a push
    of Pub/Sub, or {"event": "watch"}; GET tells what waits. This process becomes the real
    functions-framework; Ctrl-C ends it.
    """
    settings = wiring.settings_from(os.environ)
    require_free(host, port)
    url = f"http://{host}:{port}"
    told = {
        "function": function,
        "url": url,
        "pid": os.getpid(),
        "mode": settings.mode,
        "settings_hash": settings.hash,
    }
    emit(
        told,
        f"{function} listens on {url} ({settings.mode} mode, settings {settings.hash}); Ctrl-C"
        " ends it",
        as_json=as_json,
    )
    sys.stdout.flush()
    source = str(ROOT / "functions" / function / "main.py")
    words = ["--source", source, "--target", function, "--host", host, "--port", str(port)]
    os.execve(  # noqa: S606 - the framework takes this process's place, so that signals reach it
        sys.executable,
        [sys.executable, "-m", "functions_framework", *words],
        {**os.environ, "PYTHONPATH": str(ROOT)},
    )


def require_free(host: str, port: int) -> None:
    """Raise `UserError` where nobody can listen on the address."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UserError(
            f"nobody can listen on {host}:{port}: {error.strerror}",
            remedy="choose another address with --host and --port",
        ) from error
