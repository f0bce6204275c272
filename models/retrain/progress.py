"""How far a retraining is, told to whoever looks; and that its time is up."""

from models.jobs.pace import JobPace, TimeIsUp
from models.retrain.place import Tell


class RetrainProgress:
    """Tells what comes next, and ends the slice between two steps."""

    def __init__(self, pace: JobPace, *, on_progress: Tell | None = None) -> None:
        """At `pace`; `on_progress` is told everything."""
        self._pace, self._on_progress = pace, on_progress

    def tell(self, doing: str, share: float) -> None:
        """`share` in [0, 1] of the whole is done and `doing` comes next.

        Raises `TimeIsUp`, `JobCanceled` or `LeaseLost`.
        """
        if self._on_progress is not None:
            self._on_progress(doing, share)
        self._pace.note({"doing": doing, "share": round(share, 4)})
        if self._pace.is_over:
            found = f"{self._pace.seconds:g} s were over before {doing}"
            raise TimeIsUp(found, changes={"doing": found})

    def part(self, first: float, last: float) -> Tell:
        """A teller for one step, whose own 0..1 is [first, last] of the whole."""

        def tell(doing: str, share: float) -> None:
            self.tell(doing, first + (last - first) * min(1.0, max(0.0, share)))

        return tell
