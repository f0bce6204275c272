"""What an owner does at bitbank by hand, as docs/operations.md says that it ends: a stop that he
cancels comes back, a position that he closes is his trade, and nothing of the bot's rests after it.
"""

from typing import Any

import pytest

from shared.core.reasons import Reason
from shared.core.types import Purpose, Side
from tests.functional.test_settle_and_adopt import LOTS, Scene, adopt, say, scene  # noqa: F401

CLOSING = (Purpose.STOP, Purpose.TARGET)
LIVE = frozenset({"INACTIVE", "UNFILLED", "PARTIALLY_FILLED"})


def at_the_exchange(scene: Scene) -> list[Any]:  # noqa: F811
    """The orders that rest there, whoever knows of them."""
    return [one for one in scene.live.truth()["orders"] if one["status"] in LIVE]


def resting(report: Any) -> list[Any]:
    return [one for one in report.resting if one.intent.purpose in CLOSING]


def held(scene: Scene, say) -> Any:  # noqa: F811 - the fixtures
    """A position of the bot's with its stop."""
    scene.by_hand(Side.LONG, LOTS)
    scene.ticks(2)
    adopt(say, scene)
    report = scene.ticks()
    assert [one.lots for one in report.positions] == [LOTS]
    assert len(at_the_exchange(scene)) == len(resting(report)) >= 1
    return report


def cancel_by_hand(scene: Scene, report: Any) -> None:  # noqa: F811
    exchange, now_ms = scene.live.exchange(), scene.live.clock.now_ms()
    exchange.reconcile(now_ms)
    for one in resting(report):
        exchange.cancel(one, now_ms=now_ms)
    assert at_the_exchange(scene) == []


def test_a_stop_that_the_owner_cancels_is_put_back_by_the_next_tick(scene, say) -> None:  # noqa: F811
    cancel_by_hand(scene, held(scene, say))
    report = scene.ticks()
    stops = [one for one in report.resting if one.intent.purpose is Purpose.STOP]
    assert sum(one.remaining_lots for one in stops) == LOTS
    assert len(at_the_exchange(scene)) == len(report.resting)


# The arguments are the fixtures of these names.
def test_a_position_that_the_owner_closes_is_his_trade_and_nothing_rests_after_it(
    scene,  # noqa: F811
    say,  # noqa: F811
) -> None:
    report = held(scene, say)
    with pytest.raises(AttributeError, match="Rejected"):  # its stop and its target hold it
        scene.by_hand(Side.LONG, LOTS, opens=False)
    cancel_by_hand(scene, report)
    scene.by_hand(Side.LONG, LOTS, opens=False)
    report = scene.ticks(2)
    trades = [one.data for one in scene.live.documents.query("trades")]
    assert [(one["lots"], one["reason"]) for one in trades] == [(LOTS, Reason.EXIT_MANUAL)]
    assert not report.positions
    assert at_the_exchange(scene) == []
