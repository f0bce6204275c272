"""One fault as it is asked for: its fields, which kinds there are, and how JSON is read as one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from shared.core.errors import UserError
from shared.exchanges.sandbox.spoil import KINDS, Kind
from shared.exchanges.sandbox.spoil_account import ACCOUNT_KINDS

EVERY_KIND: Mapping[str, Kind] = {**KINDS, **ACCOUNT_KINDS}
_MAX_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: A key of `EVERY_KIND`.
        path: Which requests, as a shell pattern on the path without the query
            (`/btc_jpy/candlestick/15min/*`).
        times: How often at the most; None: until it is cleared.
        probability: Of firing on each request that it fits.
        from_ms: Sandbox time before which it sleeps; None: from the start.
        until_ms: Sandbox time from which it sleeps; None: for ever.
        seconds: For `slow`, `stall`, `rate-limit-retry-after`, `clock-skew`, `cached`, `future`:
            how many. None: the kind's own number.
        rate: For `wide-spread`: the spread as a share of the price; for `far-book`: the book's
            price as a share of it; for
            `candle-spike`: the factor. None: the kind's own number.
        rows: For the candle faults: how many rows. None: the kind's own number.
        field: For `missing-field` and `null-field`: which one, anywhere in the answer. Empty: the
            first one of its data.
        endpoint: Which endpoint alone, by its name; empty: every one.
        skip: How many requests that it fits pass before it fires.
        before: Whether it stops the request before the exchange acts on it; else the answer is
            spoiled after it has acted.
        code: For `code`: which error code.
    """

    name: str
    path: str = "*"
    times: int | None = None
    probability: float = 1.0
    from_ms: int | None = None
    until_ms: int | None = None
    seconds: float | None = None
    rate: float | None = None
    rows: int | None = None
    field: str = ""
    endpoint: str = ""
    skip: int = 0
    before: bool = False
    code: int | None = None


def fault_from(told: Mapping[str, Any]) -> Fault:
    """A fault from a JSON object. Raises `UserError` for an unknown or malformed field."""
    known = {field.name: field for field in fields(Fault)}
    for key, value in told.items():
        if key not in known:
            raise UserError(f"a fault has no field {key!r}", remedy=f"known: {', '.join(known)}")
        if not _is_of_its_kind(key, value):
            kind = "text" if key in _TEXTS else "true or false" if key == "before" else "a number"
            raise UserError(f"the fault's {key} was {value!r}", remedy=f"give {kind}")
    if "name" not in told:
        raise UserError("a fault has no name", remedy=f"known: {', '.join(EVERY_KIND)}")
    fault = Fault(**told)
    check_fault(fault)
    return fault


def read_faults(path: Path) -> tuple[Fault, ...]:
    """The faults of a file: a JSON list of objects. Raises `UserError`."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"the faults in {path} cannot be read ({error})", remedy="give a JSON list of faults"
        ) from error
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise UserError(f"{path} is no list of faults", remedy='write it like [{"name": "reset"}]')
    return tuple(fault_from(one) for one in told)


_TEXTS = frozenset({"name", "path", "field", "endpoint"})


def _is_of_its_kind(key: str, value: Any) -> bool:
    if key == "before":
        return isinstance(value, bool)
    if key in _TEXTS:
        return isinstance(value, str)
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def check_fault(fault: Fault) -> None:
    """Raises `UserError` for one that makes no sense."""
    if fault.name not in EVERY_KIND:
        raise UserError(
            f"there is no fault {fault.name!r}", remedy=f"known: {', '.join(EVERY_KIND)}"
        )
    if not 0.0 < fault.probability <= 1.0:
        raise UserError(
            f"a fault's probability was {fault.probability}",
            remedy="give a number above 0 and at most 1",
        )
    if fault.times is not None and (fault.times < 1 or fault.times != int(fault.times)):
        raise UserError(
            f"a fault was to fire {fault.times} times",
            remedy="give a whole number from 1 on, or none",
        )
    if fault.skip < 0 or fault.skip != int(fault.skip):
        raise UserError(
            f"a fault was to let {fault.skip} requests pass",
            remedy="give a whole number from 0 on",
        )
    if fault.before and EVERY_KIND[fault.name].is_deed:
        raise UserError(
            f"the fault {fault.name} is something that the exchange does, after it was asked",
            remedy="leave out before",
        )
    if fault.seconds is not None and not abs(fault.seconds) <= _MAX_SECONDS:
        raise UserError(f"a fault's seconds were {fault.seconds}", remedy="give at most a day")
