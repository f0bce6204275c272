"""What a retraining is asked for: how many days, which seed, and the name under which it is claimed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.errors import UserError

MOST_DAYS = 3_660
MOST_SEED = 2**31 - 1


class BadField(UserError):
    """A field of the request is wrong; `field` names it."""

    def __init__(self, field: str, found: str, *, remedy: str) -> None:
        """Say which `field`, what was `found`, and what would be right."""
        super().__init__(f"{field} {found}", remedy=remedy)
        self.field = field


class OtherRetrain(UserError):
    """This week's retraining was claimed with other days or another seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request.

    Attributes:
        days: To learn from; None: `learning.days`.
        seed: Of learners and resampling; None: `learning.seed`.
        as_of: The instant of the training, ms UTC; None: the newest closed candle when it is claimed.
        by_hand: Not the week's own retraining: it has its own claim, and the week's is left alone.
        promote: Whether it may challenge or replace what serves; otherwise it is only published.
    """

    days: int | None = None
    seed: int | None = None
    as_of: int | None = None
    by_hand: bool = False
    promote: bool = True

    def digest(self, *about: str) -> str:
        """Twelve hex digits of everything that is asked, and of what it is asked `about`."""
        told = [self.days, self.seed, self.as_of, self.by_hand, self.promote, *about]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]


def parse(body: Mapping[str, Any]) -> tuple[Asked, bool]:
    """A request's JSON, and whether it is a dry run. Raises `BadField`."""
    for name in body:
        if name not in {"days", "seed", "dry_run"}:
            raise BadField(str(name)[:80], "is not known", remedy="give days, seed or dry_run, or nothing")
    dry_run = body.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise BadField("dry_run", f"was {repr(dry_run)[:80]}", remedy="give true or false")
    days = _whole("days", body.get("days"), low=1, high=MOST_DAYS)
    return Asked(days=days, seed=_whole("seed", body.get("seed"), low=0, high=MOST_SEED)), dry_run


def _whole(name: str, value: object, *, low: int, high: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadField(name, f"was {repr(value)[:80]}", remedy=f"give a whole number from {low} to {high:,}")
    return value


def week_of(at: int) -> str:
    """The ISO week of an instant in UTC, `2026-W47`."""
    year, week, _ = datetime.fromtimestamp(at / 1000, UTC).isocalendar()
    return f"{year}-W{week:02d}"
