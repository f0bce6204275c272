"""The log: one JSON object a line, with Cloud Logging's `severity`, `at` in UTC for machines and
`at_jst` for people.

Secrets are masked wherever they stand in a line (see `shared/core/masking.py`).
"""

import json
import logging
import math
import sys
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, TextIO, TypeAlias

from shared.core.calendar import jst_text, utc_text
from shared.core.clock import Clock, SystemClock
from shared.core.masking import mask_secrets

Severity: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]

_RESERVED = frozenset({"severity", "message", "at", "at_jst"})

_logger = logging.getLogger("crypto_bot")
_logger.propagate = False
_logger.setLevel(logging.DEBUG)


class _Line(logging.Formatter):
    """A record as one line: ours are JSON already."""

    def format(self, record: logging.LogRecord) -> str:
        return record.getMessage()


class _Stderr(logging.Handler):
    """Standard error as it is when the line is written, not as it was when the module was read."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # This is where lines go.
            print(self.format(record), file=sys.stderr, flush=True)  # noqa: T201
        except (OSError, ValueError):  # a closed pipe must not stop a tick
            return


class _Where:
    """Where lines go, and whose time they carry."""

    clock: Clock = SystemClock()


def configure(*, stream: TextIO | None = None, clock: Clock | None = None) -> None:
    """Send lines to `stream` (standard error by default), with the times of `clock`."""
    _Where.clock = clock or SystemClock()
    _handle_by(_Stderr() if stream is None else logging.StreamHandler(stream))


def _handle_by(handler: logging.Handler) -> None:
    for old in list(_logger.handlers):
        _logger.removeHandler(old)
        old.close()
    handler.setFormatter(_Line())
    _logger.addHandler(handler)


_handle_by(_Stderr())


def log(event: str, *, severity: Severity = "INFO", **fields: Any) -> None:
    """Write one line.

    `event` is a short name such as `tick.done`; values that are no JSON are written as text.

    Never raises. A field called like one of the line's own (`at`, `message`, ...) gets a trailing
    underscore.

    >>> import contextlib
    >>> import io
    >>> with contextlib.redirect_stderr(io.StringIO()) as written:
    ...     log("tick.done", lots=12)
    >>> line = json.loads(written.getvalue())
    >>> line["severity"], line["message"], line["lots"]
    ('INFO', 'tick.done', 12)
    """
    at = _Where.clock.now_ms()
    line = {
        "severity": severity,
        "message": mask_secrets(event),
        "at": utc_text(at),
        "at_jst": jst_text(at),
    }
    for name, value in fields.items():
        line[f"{name}_" if name in _RESERVED else name] = _jsonable(value)
    text = json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    _logger.log(logging.getLevelName(severity), "%s", text.encode(errors="replace").decode())


def _jsonable(value: Any, *, depth: int = 6) -> Any:
    """The value in JSON types, secrets masked, whatever it is."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral) and not isinstance(value, Enum):  # numpy's whole numbers too
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, Mapping) and depth:
        return {
            mask_secrets(str(key)): _jsonable(item, depth=depth - 1) for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset) and depth:
        return [_jsonable(item, depth=depth - 1) for item in value]
    return mask_secrets(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str | Decimal | Path):
        return str(value)
    try:
        return repr(value)
    # A value that cannot even be told must not stop a tick.
    except Exception as error:  # noqa: BLE001
        return f"<{type(value).__name__} that raised {type(error).__name__}>"
