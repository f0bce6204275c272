"""Ticks that stand still for minutes in the middle of sending, and every part of the fence taken
away in turn.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from shared.exchanges.paper import exchange
from shared.tick import desk
from shared.tick import documents as stores
from tests.support.fence_stories import FenceRule, FenceStory, sampled
from tests.support.invariants import InvariantBroken

KINDS = [(policy, account) for policy in ("barrier", "target") for account in ("margin", "spot")]


def pauses(
    policy: str, account: str, *, seeds: range, most: int, sleep: range = range(2)
) -> Counter[str]:
    """Many pauses of many ticks; `sleep`: how many of the next ticks run before it is woken."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        story = FenceStory(seed, policy=policy, account=account)
        for sleeps in sleep:
            for number, point, left in sampled(story.points(), random.Random(seed + sleeps), most):
                counts += story.paused(number, point, left, sleeps=sleeps)
    return counts


FLOORS = {
    "pauses": 60,
    "woken without the lease": 30,
    "orders withheld": 30,
    "positions seen": 10,
    "orders": 200,
    "paused before exchange.submit": 3,
    "paused after exchange.submit": 3,
    "paused before documents.commit": 3,
    "paused after documents.commit": 3,
    "paused before paper.save": 3,
    "paused after documents.replace": 3,
}


@pytest.mark.parametrize(("policy", "account"), KINDS)
def test_a_tick_that_stood_still_until_others_took_over_sends_cancels_and_stores_nothing(
    policy, account, full
) -> None:
    size = (
        {"seeds": range(12), "most": 60, "sleep": range(3)}
        if full
        else {"seeds": range(1, 2), "most": 2}
    )
    counts = pauses(policy, account, **size)
    print(policy, account, dict(counts))
    for what, least in FLOORS.items():
        assert counts[what] >= least, (what, counts)


def the_intent_is_written_without_a_condition(patch: pytest.MonkeyPatch) -> None:
    def unconditional(
        self: stores.BotDocuments, name: str, data: Any, *, lease: stores.Lease
    ) -> Any:
        return self.documents.create(
            f"intents/{self.bot}~{name}", {"bot": self.bot, "open_for": self.bot, **data}
        )

    patch.setattr(stores.BotDocuments, "write_intent", unconditional)


def the_batch_of_the_intent_is_two(patch: pytest.MonkeyPatch) -> None:
    def split(self: stores.BotDocuments, name: str, data: Any, *, lease: stores.Lease) -> Any:
        self.documents.commit([lease.condition])
        return self.documents.create(
            f"intents/{self.bot}~{name}", {"bot": self.bot, "open_for": self.bot, **data}
        )

    patch.setattr(stores.BotDocuments, "write_intent", split)


def nobody_looks_at_the_lease_before_a_request(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk.Desk, "_time_of_a_request", lambda self: self._clock.now_ms())


def the_account_has_no_fence(patch: pytest.MonkeyPatch) -> None:
    real = exchange.PaperExchange._save
    patch.setattr(
        exchange.PaperExchange,
        "_save",
        lambda self, account, token, fence=None: real(self, account, token),
    )


BUGS: list[tuple[Callable[[pytest.MonkeyPatch], None], set[FenceRule]]] = [
    (the_intent_is_written_without_a_condition, {FenceRule.OLD_TICK}),
    (the_batch_of_the_intent_is_two, {FenceRule.OLD_TICK}),
    (nobody_looks_at_the_lease_before_a_request, {FenceRule.UNSENT, FenceRule.OLD_TICK}),
    (the_account_has_no_fence, {FenceRule.OLD_TICK}),
]


@pytest.mark.parametrize(("plant", "breaks"), BUGS, ids=[plant.__name__ for plant, _ in BUGS])
def test_every_part_of_the_fence_is_needed(plant, breaks, monkeypatch) -> None:
    def all_kinds() -> None:
        for seed in range(3):
            for policy, account in KINDS:
                pauses(policy, account, seeds=range(seed, seed + 1), most=6)

    plant(monkeypatch)
    with pytest.raises(InvariantBroken) as found:
        all_kinds()
    assert any(rule in str(found.value) for rule in breaks), found.value
