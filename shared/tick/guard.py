"""What it means in a tick that a step fails: no entries, and degraded, but never no protection.

Whatever breaks, it goes on.
"""

from shared.core.errors import BotError, LeaseLost
from shared.core.reasons import Reason
from shared.core.types import TickStatus
from shared.tick.meter import Meter
from shared.turn.steps import Found
from shared.turn.turn import Ending, Turn


class TickGuard:
    """The guard of a tick's steps; it measures them.

    `turn` is what was known last, also where the lease was lost.
    """

    def __init__(self, turn: Turn, meter: Meter) -> None:
        """Begin with what is known before the first step."""
        self.turn = turn
        self._meter = meter

    def __call__(self, step: str, turn: Turn, found: Found) -> Turn:
        """Run a step; any failure but a lost lease becomes a reason in the report and an alert."""
        self.turn = turn
        with self._meter.time_step(step):
            try:
                for known in found:
                    self.turn = known
            except LeaseLost:
                raise
            # The report of a tick in which anything broke must still be saved.
            except Exception as error:  # noqa: BLE001
                reason = Reason.EXIT_UNPROTECTED if step == "protect" else Reason.STEP_FAILED
                ending = Ending(
                    status=TickStatus.DEGRADED,
                    reason=reason,
                    detail=f"{step}: {sentence_of(error)}",
                )
                self.turn = self.turn.note_broken_step(step, ending)
        return self.turn


def sentence_of(error: Exception) -> str:
    """What went wrong; a surprise says of which kind it was."""
    return str(error) if isinstance(error, BotError) else f"{type(error).__name__}: {error}"
