"""Everything that can go wrong between a bot and bitbank, switchable while the sandbox runs.

A `Fault` names a kind of `KINDS` and says where (a path pattern), how often (`times`,
`probability`) and when (sandbox time). `Faults` holds the active ones and counts how often each
fired. Changes of one reply live in `shared.exchanges.sandbox.spoil`.
"""

import fnmatch
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from shared.core.errors import UserError
from shared.exchanges.sandbox.reply import Reply, success_reply
from shared.exchanges.sandbox.spoil import KINDS

_MAX_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: A key of `KINDS`.
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


class Faults:
    """The active faults. Safe for many threads; what is left to chance comes from a seed."""

    def __init__(self, *faults: Fault, seed: int = 0) -> None:
        """Begin with `faults` active."""
        self._lock = threading.Lock()
        self._rng = np.random.default_rng(seed)
        self._active: dict[int, Fault] = {}
        self._fired: Counter[int] = Counter()
        self._fired_by_name: Counter[str] = Counter()
        self._passed: Counter[int] = Counter()
        self._next_id = 1
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> int:
        """Switch a fault on; its number. Raises `UserError` for one that makes no sense."""
        _check(fault)
        with self._lock:
            number, self._next_id = self._next_id, self._next_id + 1
            self._active[number] = fault
            return number

    def clear(self, number: int | None = None) -> None:
        """Switch one fault off, or all of them. The counts stay."""
        with self._lock:
            if number is None:
                self._active.clear()
            else:
                self._active.pop(number, None)

    def fire_count(self, name: str) -> int:
        """How often faults of this kind fired."""
        with self._lock:
            return self._fired_by_name[name]

    def describe_faults(self) -> dict[str, Any]:
        """What is active, what fired, and which kinds there are: for `GET /_sandbox/faults`."""
        with self._lock:
            active = [
                {"id": number, **asdict(fault), "fired": self._fired[number]}
                for number, fault in self._active.items()
            ]
            fired = dict(self._fired_by_name)
        return {
            "active": active,
            "fired": fired,
            "known": {name: kind.sentence for name, kind in KINDS.items()},
        }

    def earlier_ms(self, *, endpoint: str, path: str, now_ms: int) -> int:
        """How long ago the reply is to be made: as far back as any fault that fits asks for.

        It fires in `apply_faults`.
        """
        with self._lock:
            return max(
                (
                    int(
                        (
                            KINDS[fault.name].earlier_seconds
                            if fault.seconds is None
                            else fault.seconds
                        )
                        * 1000
                    )
                    for fault in self._active.values()
                    if KINDS[fault.name].earlier_seconds
                    and _is_fitting(fault, endpoint=endpoint, path=path, now_ms=now_ms)
                ),
                default=0,
            )

    def active_names(self, *, now_ms: int) -> frozenset[str]:
        """Which kinds are active at `now_ms`, wherever: the account keeps to what the market says
        of itself.
        """
        with self._lock:
            return frozenset(
                fault.name
                for fault in self._active.values()
                if (fault.from_ms is None or now_ms >= fault.from_ms)
                and (fault.until_ms is None or now_ms < fault.until_ms)
            )

    def skew_ms(self, *, endpoint: str, path: str, now_ms: int) -> int:
        """How far the exchange's clock is off for this request. It fires in `apply_faults`."""
        with self._lock:
            return sum(
                int((30.0 if fault.seconds is None else fault.seconds) * 1000)
                for fault in self._active.values()
                if fault.name == "clock-skew"
                and _is_fitting(fault, endpoint=endpoint, path=path, now_ms=now_ms)
            )

    def take(self, name: str, *, endpoint: str, path: str, now_ms: int) -> bool:
        """Whether a fault of this kind fires now that changes what really happens."""
        with self._lock:
            for number, fault in list(self._active.items()):
                if fault.name == name and self._is_due(
                    number, fault, endpoint=endpoint, path=path, now_ms=now_ms
                ):
                    self._count(number, fault)
                    return True
        return False

    def stop_request(self, *, endpoint: str, path: str, now_ms: int) -> Reply | None:
        """The answer of the first fault that stops this request before the exchange acts on it."""
        with self._lock:
            for number, fault in list(self._active.items()):
                if not fault.before or not self._is_due(
                    number, fault, endpoint=endpoint, path=path, now_ms=now_ms
                ):
                    continue
                changed = KINDS[fault.name].change(success_reply({}), fault, now_ms)
                if changed is not None:
                    self._count(number, fault)
                    return changed
        return None

    def apply_faults(self, reply: Reply, *, endpoint: str, path: str, now_ms: int) -> Reply:
        """`reply` with every fault that fires on it, in the order in which they were
        switched on.
        """
        if not self._active:
            return reply
        with self._lock:
            for number, fault in list(self._active.items()):
                kind = KINDS[fault.name]
                if fault.before or kind.is_deed:
                    continue
                if not _is_fitting(fault, endpoint=endpoint, path=path, now_ms=now_ms):
                    continue
                changed = kind.change(reply, fault, now_ms)
                if changed is None or not self._is_due(
                    number, fault, endpoint=endpoint, path=path, now_ms=now_ms
                ):
                    continue
                reply = changed
                self._count(number, fault)
        return reply

    def _is_due(self, number: int, fault: Fault, *, endpoint: str, path: str, now_ms: int) -> bool:
        if not _is_fitting(fault, endpoint=endpoint, path=path, now_ms=now_ms):
            return False
        if self._passed[number] < fault.skip:
            self._passed[number] += 1
            return False
        return fault.probability >= 1.0 or self._rng.random() < fault.probability

    def _count(self, number: int, fault: Fault) -> None:
        self._fired[number] += 1
        self._fired_by_name[fault.name] += 1
        if fault.times is not None and self._fired[number] >= fault.times:
            del self._active[number]


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
        raise UserError("a fault has no name", remedy=f"known: {', '.join(KINDS)}")
    fault = Fault(**told)
    _check(fault)
    return fault


_TEXTS = frozenset({"name", "path", "field", "endpoint"})


def _is_of_its_kind(key: str, value: Any) -> bool:
    if key == "before":
        return isinstance(value, bool)
    if key in _TEXTS:
        return isinstance(value, str)
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _check(fault: Fault) -> None:
    if fault.name not in KINDS:
        raise UserError(f"there is no fault {fault.name!r}", remedy=f"known: {', '.join(KINDS)}")
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
    if fault.seconds is not None and not abs(fault.seconds) <= _MAX_SECONDS:
        raise UserError(f"a fault's seconds were {fault.seconds}", remedy="give at most a day")


def _is_fitting(fault: Fault, *, endpoint: str, path: str, now_ms: int) -> bool:
    only = KINDS[fault.name].endpoints
    return (
        (not only or endpoint in only)
        and fault.endpoint in {"", endpoint}
        and fnmatch.fnmatchcase(path, fault.path)
        and (fault.from_ms is None or now_ms >= fault.from_ms)
        and (fault.until_ms is None or now_ms < fault.until_ms)
    )
