"""What a bot remembers from tick to tick: only what the exchange does not know.

No growing lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from shared.core.calendar import jst_day
from shared.core.errors import BadData
from shared.core.frozen import copy_with
from shared.core.money import rate
from shared.core.reasons import TRANSIENT, Reason
from shared.core.settings import Settings
from shared.core.tick_times import LATE_IN_A_ROW, latest_believed
from shared.core.types import (
    Account,
    Action,
    Counted,
    Decision,
    Fill,
    Goal,
    Holdings,
    Issue,
    Ledger,
    PositionPlan,
    Purpose,
    Signal,
    Timeframe,
)
from shared.core.types.signal import upgrade_signal
from shared.risk import policy_of
from shared.risk.limits import Limits

SCHEMA = 1
"""Of the stored state. A state without one is of a version before there were schemas; its fields
have the same meaning."""

NEEDED = (
    *("mode", "stage", "limits", "plan", "goal", "signal", "candle", "halted_at"),
    *("last_fill_sequence", "last_tick", "last_scheduled_at", "last_finished_at"),
    *("late_in_a_row", "model", "profile", "settings_hash", "holds", "doubts"),
)
"""What every state with a schema holds; what came later may be missing."""
NEEDED_OLDER = ("mode", "stage", "limits", "candle", "halted_at", "last_fill_sequence")
LIVE_ON = ("limits", "candle", "ledger")
LATER = ("ledger", "paper_counted")
"""What a stored state leaves out where there is none."""

T = TypeVar("T")


STALE_AFTER_INTERVALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleProgress:
    """How far the newest candle's signal has been used: `closed` once nothing more may
    come of it.
    """

    as_of: int = 0
    attempts_used: int = 0
    closed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The state of one bot.

    `halted_at` is the drawdown halt that only a person lifts, `goal` what the target policy wants.

    `doubts` are what the watch found against the model on the newest candle: every tick on that
    candle must know them. `ledger` is the bot's own book of a real account.
    `paper_counted` is what was counted of the paper account when the bot last left it: that goes on
    where the bot comes back.

    >>> from shared.core.settings import load_settings
    >>> settings = load_settings({})
    >>> state = State.decode_state(None, settings)
    >>> state.mode, state.halted_at, state.has_retry
    ('paper', 0, False)
    >>> State.decode_state(state.encode_state(), settings) == state
    True
    """

    mode: str
    stage: str
    limits: Limits | None = None
    plan: PositionPlan | None = None
    goal: Goal | None = None
    signal: Signal | None = None
    candle: CandleProgress = CandleProgress()
    halted_at: int = 0
    last_fill_sequence: int = 0
    last_tick: str = ""
    last_scheduled_at: int = 0
    last_finished_at: int = 0
    late_in_a_row: int = 0
    model: str | None = None
    profile: str | None = None
    settings_hash: str = ""
    holds: bool = False
    doubts: tuple[Issue, ...] = ()
    ledger: Ledger | None = None
    paper_counted: Counted | None = None

    @classmethod
    def decode_state(cls, data: object, settings: Settings) -> "State":
        """Read a stored state; None or an empty one is the very first.

        Raises `BadData` where it is damaged, of another mode, or of a newer version: then it must
        not be overwritten.
        """
        if data is None or data == {}:
            return cls(mode=settings.mode, stage=settings.stage)
        whose = f"the stored state of bot {settings.id!r}"
        if not isinstance(data, Mapping):
            raise BadData(f"{whose} is damaged: it was a {type(data).__name__}, not a mapping")
        schema = data.get("schema", 0)
        if type(schema) is not int or schema < 0:
            raise BadData(f"{whose} is damaged: its schema was {schema!r}")
        if schema > SCHEMA:
            raise BadData(
                f"{whose} has schema {schema}, of a newer version; this version reads up to"
                f" {SCHEMA}"
            )
        needed = NEEDED if schema else NEEDED_OLDER
        missing = [name for name in needed if name not in data]
        if missing:
            raise BadData(f"{whose} is damaged: it has no {missing[0]}")
        try:
            state = msgspec.convert(_with_signal(data), cls)
        except msgspec.ValidationError as error:
            raise BadData(f"{whose} is damaged: {error}") from error
        if state.mode != settings.mode and state.holds:
            raise BadData(
                f"{whose} holds a {state.mode} position; BOT_MODE is {settings.mode}: "
                "close it in its own mode first, or use another BOT_ID",
            )
        if state.mode != settings.mode:
            state = state.in_another_mode()
        return copy_with(state, mode=settings.mode, stage=settings.stage)

    def in_another_mode(self) -> "State":
        """What is remembered where paper becomes live, or live paper: of another account neither
        limits nor halt.

        A real account's book is begun anew, and nothing of it is counted. The paper account goes
        on: what was counted of it is neither told nor counted again.
        """
        leaves = self.mode == "paper"
        counted = self.counted_account if leaves else self.paper_counted
        return copy_with(
            self,
            limits=None,
            plan=None,
            goal=None,
            halted_at=0,
            last_fill_sequence=0 if leaves or counted is None else counted.fills,
            ledger=None,
            paper_counted=counted,
            candle=copy_with(self.candle, closed=True),
        )

    @classmethod
    def salvage_state(cls, data: object, settings: Settings) -> "State":
        """What protection needs of a state that cannot be read whole: the plan and the last signal,
        where these can be.

        It is never saved.
        """
        first = cls(mode=settings.mode, stage=settings.stage)
        if not isinstance(data, Mapping) or data.get("mode") in {"paper", "live"} - {settings.mode}:
            return first
        plan, signal = (
            _readable(data.get("plan"), PositionPlan),
            _readable(_with_signal(data).get("signal"), Signal),
        )
        return copy_with(
            first, plan=plan, signal=signal, ledger=_readable(data.get("ledger"), Ledger)
        )

    def believe_times(
        self, now_ms: int, *, latest_ms: int, settings: Settings
    ) -> tuple["State", tuple[Issue, ...]]:
        """Without the times that cannot be: no sound clock wrote one later than `latest_ms`.

        And what was not believed.

        What rests on such a time would else stay as it is until that comes: every tick late, a
        cool-down without end.
        """
        told = {name: getattr(self, name) for name in ("last_scheduled_at", "last_finished_at")}
        wrong = {name: at for name, at in told.items() if at > latest_ms}
        fixed = dict.fromkeys(wrong, 0)
        limits, longest_ms = self.limits, int(settings.risk.cooldown_seconds * 1000)
        if limits is not None and limits.cooldown_until > latest_ms + longest_ms:
            wrong["cooldown_until"] = limits.cooldown_until
            limits = copy_with(limits, cooldown_until=now_ms + longest_ms)
        if limits is not None and limits.day > jst_day(latest_ms):
            wrong["day"] = int(limits.day.replace("-", ""))
            limits = copy_with(limits, day="")  # the present equity begins the day
        if not wrong:
            return self, ()
        return copy_with(self, limits=limits, **fixed), tuple(
            impossible_time_issue(name, at) for name, at in wrong.items()
        )

    def after_candle(
        self, signal: Signal, *, unsaved: Sequence[PositionPlan] = (), fills: Sequence[Fill] = ()
    ) -> "State":
        """A new candle was read: its signal is computed once and kept for the ticks that may try
        again.

        `unsaved` are the plans of entries that ticks sent and died of: those of this candle were
        attempts on it, and one that `fills` show to be filled has used it up.
        """
        if self.candle.as_of == signal.as_of:
            return self
        sent = sum(plan.as_of == signal.as_of for plan in unsaved)
        filled = bool(sent) and any(
            fill.purpose is Purpose.ENTRY and fill.at > signal.as_of for fill in fills
        )
        candle = CandleProgress(as_of=signal.as_of, attempts_used=sent, closed=filled)
        return copy_with(self, signal=signal, candle=candle)

    def after_unsaved(self, plans: Sequence[PositionPlan]) -> "State":
        """Entries on the present candle that ticks sent and died of were attempts too."""
        used = self.candle.attempts_used + sum(plan.as_of == self.candle.as_of for plan in plans)
        return copy_with(self, candle=copy_with(self.candle, attempts_used=used))

    def after_decision(
        self, decision: Decision, *, attempted: bool, plan: PositionPlan | None
    ) -> "State":
        """A decision was made on the present candle and, where `attempted`, an entry was placed.

        A final denial closes the candle; a transient one, an entry that could not be sent, and one
        that may be tried again leave it open. A goal is kept instead: the ticks after this one
        pursue it.
        """
        again = decision.action is Action.ENTER or (
            decision.action is Action.DENY and decision.reason in TRANSIENT
        )
        if decision.goal is not None:
            candle = copy_with(
                self.candle, attempts_used=self.candle.attempts_used + attempted, closed=True
            )
            return copy_with(self, candle=candle, goal=decision.goal)
        resting = decision.reason is Reason.ENTRY_RESTING
        closed = self.candle.closed or not (again or resting)
        candle = copy_with(
            self.candle, attempts_used=self.candle.attempts_used + attempted, closed=closed
        )
        if candle == self.candle:
            return self
        return copy_with(self, candle=candle, plan=plan if attempted else self.plan)

    def after_holdings(self, holdings: Holdings) -> "State":
        """What is held was read: a plan without position or entry ends, and a candle that led to a
        fill is used up.
        """
        holds = bool(holdings.positions)
        candle, plan = self.candle, self.plan
        if not candle.closed and (
            holds or (plan is not None and any(fill.at > plan.as_of for fill in holdings.fills))
        ):
            candle = copy_with(candle, closed=True)
        if not holds and not any(order.intent.is_opening for order in holdings.orders):
            plan = None
        if holds == self.holds and candle is self.candle and plan is self.plan:
            return self
        return copy_with(self, holds=holds, candle=candle, plan=plan)

    def under_policy(self, holdings: Holdings, settings: Settings) -> "State":
        """Only what the present policy knows is kept: a plan or a goal."""
        has_goal = policy_of(settings).has_goal
        plan, goal = (None, self._goal_after(holdings)) if has_goal else (self.plan, None)
        return (
            self
            if plan is self.plan and goal is self.goal
            else copy_with(self, plan=plan, goal=goal)
        )

    def _goal_after(self, holdings: Holdings) -> Goal | None:
        """What ended on the goal's side, by its stop or a person, is not wanted again before the
        next 4h close after that.

        Nor what ended while nothing is known to have been wanted: the tick that wanted it died
        before it could say so. An entry that was still in the market then may have been filled:
        that is kept.
        """
        goal = self.goal or Goal(lots=0, as_of=0)
        lost = [
            trade.closed_at
            for trade in holdings.trades
            if trade.closed_at > goal.as_of
            and trade.side.sign * goal.lots >= 0
            and trade.reason is not Reason.EXIT_EXPOSURE
        ]
        if not lost:
            return self.goal
        slot, held = lost[-1] - lost[-1] % Timeframe.H4.ms, signed_lots(holdings)
        same = (goal.lots, goal.as_of) == (held, max(goal.as_of, slot))
        return goal if same else Goal(lots=held, as_of=max(goal.as_of, slot))

    def is_pursuing(self, holdings: Holdings) -> bool:
        """Whether another position is wanted than is held."""
        return self.goal is not None and self.goal.lots != signed_lots(holdings)

    def after_account(
        self, holdings: Holdings, *, lifts: int, now_ms: int, settings: Settings
    ) -> "State":
        """Book closed trades and equity into the limits, and what is held.

        Doing it twice changes nothing.

        The drawdown halt begins here, and ends where a person took back the one that began at
        `lifts`, no other.
        """
        limits = self.limits or copy_with(
            Limits.first(equity_jpy=holdings.equity_jpy, now_ms=now_ms),
            last_trade_sequence=self.counted_account.trades,
        )
        if self.ledger is not None and holdings.ledger is not None:
            limits = limits.restage(
                before_jpy=self.ledger.capital_jpy,
                after_jpy=holdings.ledger.capital_jpy,
                equity_jpy=holdings.equity_jpy,
            )
        if (
            holdings.untouched
        ):  # its equity is the capital, whatever that was set to before: nothing was lost
            limits = limits.restart_untraded(holdings.equity_jpy)
        halted_at = self.halted_at
        if halted_at and lifts == halted_at:
            halted_at, limits = 0, limits.restart_peak(holdings.equity_jpy)
        limits = limits.after_trades(holdings.trades, now_ms, settings).after_equity(
            holdings.equity_jpy, now_ms
        )
        if not halted_at and limits.drawdown(holdings.equity_jpy) >= rate(
            settings.risk.max_drawdown
        ):
            halted_at = (
                now_ms if now_ms != lifts else now_ms + 1
            )  # what names a halt names no other
        same = (limits, halted_at) == (self.limits, self.halted_at)
        booked = self if same else copy_with(self, limits=limits, halted_at=halted_at)
        if holdings.ledger is not None:
            booked = copy_with(booked, ledger=holdings.ledger)
        return booked.after_holdings(holdings).under_policy(holdings, settings)

    def account(self, holdings: Holdings, *, halted: bool, capital_jpy: int) -> Account:
        """What the risk rules want to know. `halted`: by a person."""
        if self.limits is None:
            raise AssertionError("the limits are there once an account was booked")
        return Account(
            equity_jpy=holdings.equity_jpy,
            capital_jpy=(Decimal(capital_jpy) if self.ledger is None else self.ledger.capital_jpy),
            is_staged=self.ledger is not None,
            available_jpy=holdings.available_jpy,
            equity_peak_jpy=self.limits.equity_peak_jpy,
            day_start_equity_jpy=self.limits.day_start_equity_jpy,
            losing_streak=self.limits.losing_streak,
            cooldown_until=self.limits.cooldown_until,
            halted=halted,
            drawdown_halted=bool(self.halted_at),
            position=holdings.positions[0] if holdings.positions else None,
            plan=self.plan,
            goal=self.goal,
            entry_resting=any(order.intent.is_opening for order in holdings.orders),
            attempts_used=self.candle.attempts_used,
        )

    @property
    def counted_account(self) -> Counted:
        """What this state has counted of the account."""
        trades = 0
        if self.limits is not None:
            trades = self.limits.last_trade_sequence
        elif self.mode == "paper" and self.paper_counted is not None:
            trades = self.paper_counted.trades
        return Counted(trades=trades, fills=self.last_fill_sequence)

    @property
    def has_retry(self) -> bool:
        """Whether the newest candle's signal may still lead to an entry."""
        return self.signal is not None and not self.candle.closed

    def encode_state(self, over: object = None) -> dict[str, Any]:
        """As JSON values.

        Fields of the stored state `over` that this version does not know stay as they are.
        """
        data: dict[str, Any] = {"schema": SCHEMA, **msgspec.to_builtins(self)}
        none = [name for name in LATER if data[name] is None]
        for name in none:
            del data[name]
        if not isinstance(over, Mapping):
            return data
        return _with_unknown(data, {name: over[name] for name in over if name not in none})


def capital_changed(holdings: Holdings, settings: Settings) -> str | None:
    """What a person should know where the capital that is set is not the one that the account began
    with and traded.
    """
    began_with = holdings.opened_with_jpy
    if began_with is None or holdings.untouched or began_with == settings.capital_jpy:
        return None
    return (
        f"capital_jpy is {settings.capital_jpy:,}; the paper account began with {began_with:,.0f}"
        " and has traded: it keeps its own money, and capital_jpy only bounds what sizing may use"
        " (another BOT_ID begins anew)"
    )


def trouble(state: State, *, now_ms: int, settings: Settings) -> tuple[str, ...]:
    """Why a bot that ticked is not healthy by what it remembers, one sentence each; nothing where
    it is, or never ticked.
    """
    found = []
    age_ms = now_ms - state.last_finished_at
    if (
        state.last_finished_at
        and age_ms > STALE_AFTER_INTERVALS * settings.tick.interval_seconds * 1000
    ):
        found.append(
            f"the last tick finished {age_ms / 1000:.0f} s ago; one was due every"
            f" {settings.tick.interval_seconds} s"
        )
    for name, what in (("last_finished_at", "finished"), ("last_scheduled_at", "was scheduled")):
        at = getattr(state, name)
        if at > latest_believed(now_ms, settings):
            found.append(
                f"the last tick {what} {(at - now_ms) / 1000:.0f} s in the future: a clock is or"
                " was wrong"
            )
    if state.late_in_a_row >= LATE_IN_A_ROW:
        found.append(
            f"{state.late_in_a_row} ticks in a row came too late: they protect, and decide nothing"
        )
    return tuple(found)


def impossible_time_issue(what: str, at: int) -> Issue:
    """A time that was read and is not believed, because it lies in the future."""
    return Issue(
        reason=Reason.TIME_IMPOSSIBLE, forbids_entry=False, context={"what": what, "at": str(at)}
    )


def signed_lots(holdings: Holdings) -> int:
    """What is held, negative for a short."""
    return sum(held.side.sign * held.lots for held in holdings.positions)


def _with_signal(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document with its signal as this version reads it."""
    signal = data.get("signal")
    return {**data, "signal": upgrade_signal(signal)} if isinstance(signal, Mapping) else data


def _readable(data: object, kind: type[T]) -> T | None:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError:
        return None


def _with_unknown(told: dict[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """What is told, with the unknown fields of what was stored.

    A part (a plan, a signal) keeps its own as long as it is the same part; limits, progress and the
    book live on from tick to tick.
    """
    whole = {**{name: value for name, value in stored.items() if name not in told}, **told}
    for name, part in told.items():
        before = stored.get(name)
        if isinstance(part, dict) and isinstance(before, Mapping):
            same = {key: value for key, value in before.items() if key in part} == part
            if same or name in LIVE_ON:
                whole[name] = _with_unknown(part, before)
    return whole
