"""What Cloud Billing says of a budget, and the alert that comes of it. Pure, but for the one object
that remembers it until the month is over.

It says so several times a day, whether anything changed or not: the alert's key names budget, month
and threshold, so that each threshold is told once a month.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from shared.alerts.wording import alert_key
from shared.core.calendar import DAY_MS
from shared.core.errors import BadData
from shared.core.sentences import say
from shared.core.sentences.figures import percent
from shared.core.types import Alert, Level
from shared.stores.conflicts import repeat_on_conflict
from shared.stores.ports import Bucket

LONGEST_MONTH_MS = 32 * DAY_MS
"""A month of an invoice, with what Pacific time moves it by."""
_KEY = "watch/budgets/last.json"
_ATTEMPTS = 5
BUDGET_COMMAND = "scripts/bot halt"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetNotice:
    """A notification: which threshold (1.0: all of the budget) the costs of the month that began at
    `began_at` are above.

    >>> BudgetNotice(budget="b", name="bot", month="2026-11", began_at=0, threshold=0.5,
    ...     cost="60 JPY", amount="100 JPY").key
    'budget:b:2026-11:0.5'
    """

    budget: str
    name: str
    month: str
    began_at: int
    threshold: float
    cost: str
    amount: str

    @property
    def key(self) -> str:
        """The alert's."""
        return alert_key("budget", self.budget, self.month, f"{self.threshold:g}")

    @property
    def sentence(self) -> str:
        """In words."""
        return say(
            "rounds.found.budget",
            budget=self.name,
            month=self.month,
            cost=self.cost,
            share=percent(self.threshold, places=0),
            amount=self.amount,
        )

    @property
    def loudness(self) -> Level:
        """Critical where nothing of the budget is left."""
        return Level.CRITICAL if self.threshold >= 1.0 else Level.WARNING

    def is_over(self, now_ms: int) -> bool:
        """Whether its month has passed."""
        return now_ms - self.began_at > LONGEST_MONTH_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    budgetDisplayName: str  # noqa: N815
    costAmount: float  # noqa: N815
    budgetAmount: float  # noqa: N815
    currencyCode: str  # noqa: N815
    costIntervalStart: datetime  # noqa: N815
    alertThresholdExceeded: float = 0.0  # noqa: N815


def budget_notice(attributes: Mapping[str, str], data: Mapping[str, Any]) -> BudgetNotice | None:
    """The notification as it is remembered; None below any threshold.

    Args:
        attributes: Of the message, with `budgetId`.
        data: Its JSON, of schema 1.0.

    Raises:
        BadData: It is no notification of a budget.

    >>> budget_notice({"budgetId": "b"}, {"budgetDisplayName": "bot", "costAmount": 1.0,
    ...     "budgetAmount": 9.0, "currencyCode": "JPY",
    ...     "costIntervalStart": "2026-11-01T08:00:00Z"}) is None
    True
    """
    try:
        told = msgspec.convert(data, _Data)
        began_at = int(told.costIntervalStart.timestamp() * 1000)
        budget = msgspec.convert(attributes["budgetId"], str)
    except (msgspec.ValidationError, KeyError, ValueError, OverflowError) as error:
        raise BadData(
            f"the message is no notification of a budget: {type(error).__name__}: {error}"
        ) from error
    if told.alertThresholdExceeded <= 0.0:
        return None
    return BudgetNotice(
        budget=budget,
        name=told.budgetDisplayName,
        month=f"{told.costIntervalStart:%Y-%m}",
        began_at=began_at,
        threshold=told.alertThresholdExceeded,
        cost=f"{told.costAmount:,.2f} {told.currencyCode}",
        amount=f"{told.budgetAmount:,.2f} {told.currencyCode}",
    )


def budget_alert(
    attributes: Mapping[str, str], data: Mapping[str, Any], *, now_ms: int
) -> Alert | None:
    """What a notification tells a person; None below any threshold. Raises `BadData`.

    >>> alert = budget_alert({"budgetId": "b"}, {"budgetDisplayName": "bot", "costAmount": 60.0,
    ...     "budgetAmount": 100.0, "currencyCode": "JPY", "alertThresholdExceeded": 0.5,
    ...     "costIntervalStart": "2026-11-01T08:00:00Z"}, now_ms=0)
    >>> alert.key, alert.fields["what was found"]
    ('budget:b:2026-11:0.5', 'bot, 2026-11: 60.00 JPY, above 50 % of 100.00 JPY')
    """
    notice = budget_notice(attributes, data)
    if notice is None:
        return None
    return Alert(
        key=notice.key,
        level=notice.loudness,
        kind="budget",
        title=say("rounds.title.budget"),
        at=now_ms,
        fields={
            say("rounds.field.found"): notice.sentence,
            say("rounds.field.did"): say("rounds.did.budget"),
            say("rounds.field.todo"): say("rounds.todo.budget"),
            say("rounds.field.command"): BUDGET_COMMAND,
            say("rounds.field.by"): say(f"rounds.by.{notice.loudness}"),
        },
    )


def load_budget(bucket: Bucket) -> BudgetNotice | None:
    """What was said last. Raises `BadData` where it is damaged."""
    stored = bucket.get(_KEY)
    return None if stored is None else _decode_notice(stored.data)


def remember_budget(bucket: Bucket, notice: BudgetNotice) -> None:
    """Keep it for the rounds, which tell when its month is over. The latest month and the highest
    threshold of it win, in whatever order they come.

    >>> from shared.stores.memory import MemoryBucket
    >>> bucket = MemoryBucket()
    >>> remember_budget(bucket, BudgetNotice(budget="b", name="bot", month="2026-11", began_at=0,
    ...     threshold=0.5, cost="60 JPY", amount="100 JPY"))
    >>> load_budget(bucket).month
    '2026-11'
    """
    data = json.dumps(msgspec.to_builtins(notice), sort_keys=True).encode()

    def keep() -> None:
        stored = bucket.get(_KEY)
        try:
            before = None if stored is None else _decode_notice(stored.data)
        except BadData:
            before = None
        if before is None or _rank(before) < _rank(notice):
            bucket.put(_KEY, data, if_generation=0 if stored is None else stored.generation)

    repeat_on_conflict(keep, attempts=_ATTEMPTS)


def _rank(notice: BudgetNotice) -> tuple[str, float]:
    return (notice.month, notice.threshold)


def _decode_notice(data: bytes) -> BudgetNotice:
    try:
        return msgspec.json.decode(data, type=BudgetNotice)
    except msgspec.DecodeError as error:
        raise BadData(f"{_KEY} is damaged: {error}; delete it") from error
