"""What every command needs to talk: `--json`, one way to answer, and progress on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from shared.core.masking import mask_secrets
from shared.core.sentences.figures import duration

if TYPE_CHECKING:
    from rich.console import RenderableType

Function = TypeVar("Function", bound=Callable[..., Any])


def json_option(function: Function) -> Function:
    """Give a command the flag `--json`, passed to it as `as_json`."""
    decorated: Function = click.option(
        "--json", "as_json", is_flag=True, help="Answer with JSON on stdout."
    )(function)
    return decorated


def timezone_option(function: Function) -> Function:
    """Give a command that reads candle files `--timezone`."""
    told = (
        "The zone of times in a candle file that name none, like UTC, JST or Asia/Tokyo.  [default:"
        " such times are refused]"
    )
    decorated: Function = click.option("--timezone", metavar="ZONE", help=told)(function)
    return decorated


def emit(data: Any, text: "RenderableType", *, as_json: bool) -> None:
    """Print `data` as JSON, or `text` (a string, or anything that rich can draw) for people.

    Dataclasses become objects, Decimals strings, numpy arrays lists, NaN null.
    """
    if as_json:
        click.echo(mask_secrets(to_json(data)))
    elif isinstance(text, str):
        click.echo(mask_secrets(text))
    else:
        from rich.console import Console

        Console(soft_wrap=not sys.stdout.isatty()).print(text)


def to_json(data: Any) -> str:
    """The JSON text of `data`, indented by two, non-ASCII letters as they are."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(data, enc_hook=_plain), indent=2).decode()


def _plain(value: Any) -> Any:
    """What JSON can hold, for values that msgspec does not know: numpy's numbers and arrays, paths,
    errors.
    """
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


class Progress(Protocol):
    """What `progress` yields."""

    def advance(self, n: int = 1) -> None:
        """`n` further units are done."""
        ...

    def describe(self, text: str) -> None:
        """Say what is being done now."""
        ...


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Progress]:
    """Show progress on stderr: a bar on a terminal, elsewhere one line per ten per cent and one at
    the end.

    `total` is the number of units; None where it is not known (a terminal then shows only that work
    goes on).
    """
    if not sys.stderr.isatty():
        lines = _Lines(label, total)
        yield lines
        lines.finish()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    with RichProgress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield _Bar(
            label,
            advance=lambda n: bar.advance(task, n),
            describe=lambda text: bar.update(task, description=text),
        )
        if total is None:
            bar.update(
                task, total=bar.tasks[0].completed or 1, completed=bar.tasks[0].completed or 1
            )


class _Bar:
    """Progress on a terminal."""

    def __init__(
        self, label: str, *, advance: Callable[[int], None], describe: Callable[[str], None]
    ) -> None:
        self._label = label
        self._advance = advance
        self._describe = describe

    def advance(self, n: int = 1) -> None:
        self._advance(n)

    def describe(self, text: str) -> None:
        self._describe(f"{self._label}: {text}")


class _Lines:
    """Progress in a log file: few whole lines."""

    def __init__(self, label: str, total: int | None) -> None:
        self._label = label
        self._total = total
        self._done = 0
        self._told = 0
        self._doing = ""
        self._began = time.monotonic()

    def advance(self, n: int = 1) -> None:
        self._done += n
        if self._total and (tenth := self._done * 10 // self._total) > self._told and tenth < 10:
            self._told = tenth
            self._say(f"{tenth * 10} %")

    def describe(self, text: str) -> None:
        self._doing = text

    def finish(self) -> None:
        self._doing = ""
        self._say(f"done in {duration(time.monotonic() - self._began)}")

    def _say(self, what: str) -> None:
        click.echo(f"{self._label}: {what}{f' ({self._doing})' if self._doing else ''}", err=True)
