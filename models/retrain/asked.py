"""What a retraining is asked for: how many days, which seed, and the name under which it is
claimed.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from shared.core.errors import UserError

MOST_DAYS = 3_660
MOST_SEED = 2**31 - 1


class OtherRetrain(UserError):
    """This week's retraining was claimed with other days or another seed.

    >>> str(OtherRetrain("this week was claimed with seed 7"))
    'this week was claimed with seed 7'
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainRequest:
    """One request.

    >>> RetrainRequest(days=90).digest() == RetrainRequest(days=180).digest()
    False

    Attributes:
        days: To learn from; None: `learning.days`.
        seed: Of learners and resampling; None: `learning.seed`.
        as_of: The instant of the training, ms UTC; None: the newest closed candle when it is
            claimed.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrainFields:
    """What a request may say. `dry_run`: work everything out and write nothing but the trial.

    >>> RetrainFields(seed=7).dry_run
    False
    """

    days: Annotated[int, msgspec.Meta(ge=1, le=MOST_DAYS)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=MOST_SEED)] | None = None
    dry_run: bool = False


def week_of(at: int) -> str:
    """The ISO week of an instant in UTC, `2026-W47`."""
    year, week, _ = datetime.fromtimestamp(at / 1000, UTC).isocalendar()
    return f"{year}-W{week:02d}"
