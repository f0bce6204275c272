"""Real ticks after a long sleep, and with another capital than before: each part is told, nothing
is lost or made up.
"""

from dataclasses import replace

import numpy as np

from shared.core.reasons import Reason
from shared.core.types import AccountKind, Side, TickStatus, Trade
from shared.stores.memory import MemoryDocuments
from shared.tick import filing
from tests.functional.test_tick_trouble import entered
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, World, market, world

NOW = START + HISTORY_DAYS * DAY


def above(price: int):
    """The seeded market, which stands just above `price` with next to no volume from the second
    interval on.
    """
    whole = market()
    late = (whole.opened_at >= NOW + INTERVAL) & (whole.opened_at < NOW + 6 * 3_600_000)
    flat = {
        name: np.where(late, float(price), getattr(whole, name))
        for name in ("open", "high", "low", "close")
    }
    return replace(whole, **flat, volume=np.where(late, 0.0006, whole.volume))


def test_a_target_taken_in_parts_while_no_tick_ran_reaches_trades_report_and_limits(
    tmp_path,
) -> None:
    with world(tmp_path / "first") as scene:
        _, report = entered(scene.with_model())
        target, lots = report.plan.target_price, report.positions[0].lots
    assert lots > 50, "more parts than the account keeps"
    with world(
        tmp_path / "home", minutes=above(target + 1), extra={"BOT_PAPER__KEEP_TRADES": "5"}
    ) as scene:
        ports, before = entered(scene.with_model())
        assert (before.plan.target_price, before.positions[0].lots) == (target, lots)
        woken = scene.tick(NOW + 40 * INTERVAL, ports)
        assert len(woken.trades) == lots
        assert len(woken.fills) == lots
        assert woken.positions == ()
        stored = ports.documents.query("trades")
        assert [item.data["sequence"] for item in stored] == list(range(1, lots + 1))
        limits = ports.documents.get("bots/default").data["state"]["limits"]
        assert (limits["last_trade_sequence"], limits["losing_streak"]) == (lots, 0)
        assert woken.cash_jpy == 1_000_000 + sum(trade.net_jpy for trade in woken.trades)
        assert scene.tick(NOW + 41 * INTERVAL, ports).trades == ()
        scene.tick(NOW + 60 * INTERVAL, ports)
        assert len(ports.documents.query("trades")) == lots


def trade(sequence: int) -> Trade:
    yen = {"gross_jpy": 1, "fees_jpy": 0, "interest_jpy": 0, "entry_price": 1}
    return Trade(
        sequence=sequence,
        side=Side.LONG,
        opened_at=1,
        closed_at=2,
        lots=1,
        exit_price=2,
        reason=Reason.EXIT_TARGET,
        **yen,
    )


def test_more_trades_than_one_batch_can_hold_are_all_written(tmp_path) -> None:
    documents = MemoryDocuments()
    with world(tmp_path / "home") as scene:
        report = scene.with_model().tick(NOW)
    for count in (0, 1, 199, 200, 201, 999, 1_600):
        left = filing.booked_writes(
            replace(report, trades=tuple(trade(number) for number in range(1, count + 1))),
            documents,
            account=AccountKind.MARGIN,
        )
        assert len(left) <= 200
        documents.commit(left)
        assert len(documents.query("trades", limit=10_000)) == count


def test_another_capital_before_the_first_trade_is_no_loss_and_after_it_changes_no_money(
    tmp_path,
) -> None:
    with world(tmp_path / "home", now=NOW - 3 * INTERVAL) as scene:
        idle = scene.ports()
        assert scene.tick(NOW - 2 * INTERVAL, idle).equity_jpy == 1_000_000
        for number, capital in enumerate((500_000, 2_000_000, 1_000_000)):
            other = World(**{**vars(scene), "extra": {"BOT_CAPITAL_JPY": str(capital)}})
            report = other.tick(NOW - INTERVAL + number, other.ports())
            assert (report.status, report.equity_jpy) == (TickStatus.DONE, capital)
            state = idle.documents.get("bots/default").data["state"]
            assert state["halted_at"] == 0
            assert state["limits"]["equity_peak_jpy"] == f"{capital}.0000"
        ports, before = entered(scene.with_model())
        half = World(**{**vars(scene), "extra": {"BOT_CAPITAL_JPY": "500000"}})
        report = half.tick(NOW + 2 * INTERVAL, half.ports())
        assert report.status is TickStatus.DONE
        assert report.cash_jpy == before.cash_jpy
        said = [
            issue.context["found"]
            for issue in report.issues
            if issue.reason is Reason.CAPITAL_CHANGED
        ]
        assert len(said) == 1
        assert "500,000" in said[0]
        assert "1,000,000" in said[0]
        assert ports.documents.get("bots/default").data["state"]["halted_at"] == 0
        assert any(
            item.data["alert"]["kind"] == "capital" for item in ports.documents.query("alerts")
        )
