"""Everything that can go wrong between a bot and bitbank, switchable while the sandbox runs.

A `Fault` names a kind of `EVERY_KIND` and says where (a path pattern, an endpoint), how often
(`times`, `skip`, `probability`) and when (sandbox time). `Faults` holds the active ones and counts
how often each fired. Changes of one reply live in `shared.exchanges.sandbox.spoil` and, of the
private endpoints, in `spoil_account`.
"""

import fnmatch
import threading
from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from shared.exchanges.sandbox.fault_reading import (
    EVERY_KIND,
    Fault,
    check_fault,
    fault_from,
    read_faults,
)
from shared.exchanges.sandbox.reply import Reply, success_reply

__all__ = ["EVERY_KIND", "Fault", "Faults", "fault_from", "read_faults"]


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
        check_fault(fault)
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
            "known": {name: kind.sentence for name, kind in EVERY_KIND.items()},
        }

    def take_earlier_ms(self, *, endpoint: str, path: str, now_ms: int) -> int:
        """How long ago the reply is to be made: as far back as any fault asks that fires."""
        earlier_ms = 0
        with self._lock:
            for number, fault in list(self._active.items()):
                own = EVERY_KIND[fault.name].earlier_seconds
                if own and self._is_due(number, fault, endpoint=endpoint, path=path, now_ms=now_ms):
                    seconds = own if fault.seconds is None else fault.seconds
                    earlier_ms = max(earlier_ms, int(seconds * 1000))
                    self._count(number, fault)
        return earlier_ms

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
                changed = EVERY_KIND[fault.name].change(success_reply({}), fault, now_ms)
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
                kind = EVERY_KIND[fault.name]
                if fault.before or kind.is_deed or kind.earlier_seconds:
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


def _is_fitting(fault: Fault, *, endpoint: str, path: str, now_ms: int) -> bool:
    only = EVERY_KIND[fault.name].endpoints
    return (
        (not only or endpoint in only)
        and fault.endpoint in {"", endpoint}
        and fnmatch.fnmatchcase(path, fault.path)
        and (fault.from_ms is None or now_ms >= fault.from_ms)
        and (fault.until_ms is None or now_ms < fault.until_ms)
    )
