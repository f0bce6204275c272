"""Live ticks on the sandbox, struck at every call that they make: what dies, pauses or lies there
may cost time and nothing else.
"""

import hashlib
import itertools
import json
import math
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.stores.local.sqlite import SqliteDocuments
from tests.support import crash_matrix as matrix
from tests.support.account_stories import T0, market
from tests.support.live_world import LiveWorld, live_world
from tests.support.signed_client import SignedClient
from tests.support.tick_stories import INTERVAL, Script, Target

MATRIX_SECONDS = float(os.environ.get("BOT_MATRIX_SECONDS", "0"))
"""So long each place is played, of a sample as at the full size. Where nothing is said all places
of a sample have `SAMPLE_SECONDS` together, and those of the full size are played whole: what was
passed there is not played again by the next run of the same code."""
SAMPLE_SECONDS = 90.0
LEAST_OF_A_SAMPLE = 12
ENOUGH = 30
TICKS = 90
READINGS = {
    "closes": "together",
    "stops_listed": "no",
    "since_unit": "s",
    "sorting": "oldest",
    "orphans": "end",
    "interest_sign": "minus",
    "locked_fee": "no",
    "collection": "late",
    "error_status": "200",
    "empty_fields": "null",
}
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Place:
    """A kind of account, a policy, and how the exchange is read."""

    account: str
    policy: str
    readings: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.account} {self.policy} {'other readings' if self.readings else 'defaults'}"


OTHERS = tuple(READINGS.items())
PLACES = [
    Place("margin", "barrier"),
    Place("spot", "barrier", OTHERS),
    Place("margin", "target", OTHERS),
    Place("spot", "target"),
]
MORE_PLACES = [
    Place("margin", "barrier", OTHERS),
    Place("spot", "barrier"),
    Place("margin", "target"),
    Place("spot", "target", OTHERS),
]


@contextmanager
def made_world(place: Place, folder: Path) -> Iterator[LiveWorld]:
    """A world of this place on SQLite in a folder."""
    numbers = itertools.count()
    risk: dict[str, Any] = {"max_hold_candles": 2}
    if place.policy == "target":
        risk |= {"policy": "target", "exposure": {"stop_rate": 0.002, "passive_seconds": 400.0}}
    with live_world(
        market(random.Random(str(place.account)), 3 * TICKS + 60, day_off=0.0),
        account=place.account,
        script=Script(3) if place.policy == "barrier" else Target(3),
        fresh_documents=lambda: SqliteDocuments(folder / f"{next(numbers)}.sqlite"),
        readings=dict(place.readings),
        overrides={
            "capital_jpy": 30_000,
            "risk": risk,
            "exchange": {"retry_base_seconds": 0.0},
            "execution": {"entry_attempts": 2},
        },
    ) as made:
        yield made


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveWorld]:
    with made_world(request.param, tmp_path) as made:
        yield made
        made.documents.close()


def situations_of(world: LiveWorld) -> dict[str, tuple[int, matrix.Snapshot]]:
    """A tick of each kind, as the world stands before it; the bot runs until all were met."""
    found: dict[str, tuple[int, matrix.Snapshot]] = {}
    client = SignedClient(world.port, world.source.now_ms)
    for number in range(6, TICKS):
        at = T0 + number * INTERVAL
        world.source.advance_to(at)
        if number == TICKS // 2:
            more = {} if world.settings.account.has_locks else {"position_side": "long"}
            client.order("buy", "limit", "0.0001", price=matrix.STRANGER_PRICE, **more)
        known = matrix.snapshot(world)
        report = world.tick(at)
        for kind in _kinds_of(report, has_stranger=number >= TICKS // 2):
            found.setdefault(kind, (at, known))
    client.close()
    for kind in ("quiet", "quiet, held", "an entry that is filled whole"):
        if kind in found:
            at, known = found[kind]
            matrix.restore(world, known)
            world.bot.halt(who="owner", why="a look", now_ms=at)
            found[f"{kind}, halted"] = at, matrix.snapshot(world)
    return found


def _kinds_of(report: Any, *, has_stranger: bool) -> Iterator[str]:
    placed = {
        record.intent.purpose.value
        for record in report.orders
        if (record.what, record.outcome) == ("place", "accepted")
    }
    ended = any(record.what == "cancel" and record.intent.is_opening for record in report.orders)
    filled = Counter(fill.purpose.value for fill in report.fills)
    beside = ", beside a stranger's order" if has_stranger else ""
    if "entry" in placed:
        if not filled["entry"]:
            yield f"an entry that is not filled{beside}"
        elif not ended:
            yield f"an entry that is filled whole{beside}"
        else:
            yield "an entry that is filled in part"
        if report.positions and report.decision and report.decision.goal is not None:
            yield "a position that grows"
    for purpose in ("stop", "target", "close"):
        if filled[purpose]:
            yield f"a {purpose} that is filled{beside if purpose == 'stop' else ''}"
    if "target" in placed and "entry" not in placed:
        yield "a target that comes back"
    if not placed and not filled:
        yield "quiet, held" if report.positions else "quiet"


def drawn_cases(
    world: LiveWorld, found: dict[str, tuple[int, matrix.Snapshot]], *, seed: int
) -> list[matrix.Case]:
    cases = [
        case
        for kind, (at, known) in found.items()
        for case in matrix.cases_of(kind, matrix.sites_of(world, known, at))
    ]
    random.Random(seed).shuffle(cases)
    return cases


def seconds_of_a_place(*, is_full: bool) -> float:
    return MATRIX_SECONDS or (math.inf if is_full else SAMPLE_SECONDS / len(PLACES))


def fingerprint() -> str:
    """Of the product's code: what was passed by another one is played again."""
    told = hashlib.sha256()
    for path in sorted((ROOT / "shared").rglob("*.py")):
        told.update(path.read_bytes())
    return told.hexdigest()[:12]


@pytest.mark.slow
@pytest.mark.parametrize(
    "world",
    [*PLACES, *(pytest.param(place, marks=pytest.mark.full) for place in MORE_PLACES)],
    ids=str,
    indirect=True,
)
def test_whatever_strikes_a_live_tick_at_any_call_costs_time_and_nothing_else(
    world: LiveWorld, request: pytest.FixtureRequest
) -> None:
    is_full = request.config.getoption("--full")
    found = situations_of(world)
    cases = drawn_cases(world, found, seed=11)
    done_file = Path(request.config.cache.mkdir("crash-matrix")) / (
        f"{request.node.callspec.id.replace(' ', '-')}-{fingerprint()}.json"
    )
    done = set(json.loads(done_file.read_text())) if is_full and done_file.exists() else set()
    counts: Counter[str] = Counter()
    broken: list[str] = []
    until = time.monotonic() + seconds_of_a_place(is_full=is_full)
    played = 0
    for case in cases:
        if time.monotonic() > until and played >= LEAST_OF_A_SAMPLE:
            break
        if str(case) in done:
            counts["played before"] += 1
            continue
        at, known = found[case.situation]
        matrix.play(world, known, at, case)
        played += 1
        counts += case.counts
        counts[case.blow.value] += 1
        if case.broken:
            broken.append(f"{case}: {'; '.join(case.broken[:3])}")
        else:
            done.add(str(case))
        if is_full and not played % 50:
            done_file.write_text(json.dumps(sorted(done)))
    if is_full:
        done_file.write_text(json.dumps(sorted(done)))
    name = request.node.callspec.id
    print(f"\n{name}: {len(found)} situations, {len(cases)} cases, {played} played")
    print(f"{sorted(found)}\n{dict(counts)}")
    assert not broken, "\n".join([f"{len(broken)} of {played}", *broken[:20]])
    assert len(found) >= 6, sorted(found)
    if played >= ENOUGH:
        assert counts["killed"] > 0
        assert counts["entries"] > 0
