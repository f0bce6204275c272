"""The sandbox's account is the paper account: the same bare story told to both comes out the same;
and bugs that are planted in the sandbox are found.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from shared.core.frozen import copy_with
from shared.core.types import AccountKind
from shared.exchanges.paper import placing, settling
from shared.exchanges.sandbox.private import ordering, quiet, records, walking
from shared.exchanges.sandbox.private.settings import Readings
from tests.support.bare_stories import BareStory
from tests.support.raw_stories import RawStory

KINDS = (AccountKind.MARGIN, AccountKind.SPOT)
FLOORS = {
    "minutes compared": 400,
    "judged": 500,
    "fills": 120,
    "parts": 5,
    "placed limit entry": 50,
    "placed market entry": 30,
    "placed stop stop": 10,
    "placed limit target": 10,
    "placed market close": 5,
    "post-only cancelled": 8,
    "cancelled": 8,
    "refused 50062": 3,
    "refused 60001": 3,
}


def play(seeds: range, readings: Readings | None = None) -> Counter[str]:
    counts = Counter[str]()
    for seed in seeds:
        for kind in KINDS:
            counts += BareStory(seed, kind, readings=readings).tell().counts
    return counts


def test_a_bare_story_comes_out_as_on_paper(full: bool) -> None:
    counts = play(range(250 if full else 6))
    for name, floor in FLOORS.items():
        assert counts[name] >= floor * (30 if full else 1), (name, counts)


def standings(seed: int) -> list[Any]:
    """What a raw story leaves: it has orders that wait, orphans, loss cuts."""
    story = RawStory(seed, Readings(), losscut=(50, 400, 0)[seed % 3]).tell(25)
    story.ask("GET", "/v1/user/assets")
    standing = story.sandbox.private.standing
    assert standing is not None
    return [standing.orders, standing.yen_jpy, standing.margin.fills, standing.spot.fills]


def test_passing_over_quiet_candles_changes_nothing(
    full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = range(200 if full else 3)
    quick = [standings(seed) for seed in seeds]
    passed = Counter[bool]()

    def step(standing: Any, ground: Any, until: int) -> int:
        passed[quiet.quiet_until(standing, ground, until) > standing.row] += 1
        return int(standing.row)

    monkeypatch.setattr(walking, "quiet_until", step)
    for seed, found in zip(seeds, quick, strict=True):
        assert standings(seed) == found, seed
    assert passed[True] > 10 * len(seeds)
    assert passed[False] > 10 * len(seeds)


# planted bugs


def the_share_of_volume_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(walking, "volume_lots", lambda volume, _share: int(volume * 10_000))


def each_point_has_the_whole_budget(patch: pytest.MonkeyPatch) -> None:
    def walk(account: Any, path: Any, first: int, end: int, *, budget: int) -> Any:
        walked, _ = settling.walk_points(account, path, first, end, budget=budget)
        return walked, budget

    patch.setattr(walking, "walk_points", walk)


def a_candle_is_cut_at_the_present(patch: pytest.MonkeyPatch) -> None:
    """What comes later in the minute is not looked at: a target may go before a stop."""

    def walk(account: Any, path: Any, first: int, end: int, *, budget: int) -> Any:
        return settling.walk_points(account, path[:end], first, end, budget=budget)

    patch.setattr(walking, "walk_points", walk)


def crossing_is_free(patch: pytest.MonkeyPatch) -> None:
    place = placing.place_order

    def cheap(account: Any, intent: Any, **more: Any) -> Any:
        costs = copy_with(account.terms.costs, slippage_rate=Decimal(0))
        return place(
            copy_with(account, terms=copy_with(account.terms, costs=costs)), intent, **more
        )

    patch.setattr(ordering, "place_order", cheap)


def the_other_s_yen_are_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        ordering, "lent_jpy", lambda *_facts: Decimal(0)
    )  # margin sees none of the spot account's yen


def a_fill_is_booked_twice(patch: pytest.MonkeyPatch) -> None:
    change = records.change_account

    def twice(standing: Any, kind: Any, act: Any, **more: Any) -> Any:
        after = change(standing, kind, act, **more)
        if len(after.account_of(kind).fills) > len(standing.account_of(kind).fills):
            account = after.account_of(kind)
            name = "margin" if kind.has_debt else "spot"
            doubled = copy_with(account, cash_jpy=account.cash_jpy - 1)
            return copy_with(after, **{name: doubled})
        return after

    patch.setattr(walking, "change_account", twice)


BUGS: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    the_share_of_volume_is_forgotten,
    each_point_has_the_whole_budget,
    a_candle_is_cut_at_the_present,
    crossing_is_free,
    the_other_s_yen_are_kept,
    a_fill_is_booked_twice,
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(
    bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        play(range(12))
