"""The window of final candles that a tick looks at: kept in a store, brought up to date with as few
files as possible.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from shared.core.errors import BadData, BotError, NotThere
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import Candles, Issue, Timeframe
from shared.exchanges.bitbank.answers import StaleAnswer
from shared.exchanges.bitbank.errors import reason_of
from shared.market.candle_files import FIRST_FILE_AT, CandleFile, file_of, files_between
from shared.market.candles import changed_times, check_candle_rules, empty_candles, merge_candles
from shared.market.ports import WindowStore
from shared.market.quality import newest_final

SPARE_FILES = 2
"""How many more files than candles without holes would need are read to fill a window."""

ReadFile = Callable[[CandleFile, int], Candles]
"""(file, instant) -> its candles closed by the instant. Raises `NotThere`, `Unavailable`,
`BadData`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A window at work: what it holds, what was wrong on the way, and how many files were read."""

    candles: Candles
    issues: tuple[Issue, ...] = ()
    files: int = 0


class Windows:
    """Keeps one window a timeframe up to date.

    A file is asked for only when a candle of its timeframe has closed since the window's last one.
    All files from the one with that last candle on are read: so the file of yesterday (or of last
    year) is read once more after the roll, and whatever the exchange changed since is corrected and
    reported.
    """

    def __init__(self, settings: Settings, store: WindowStore, read: ReadFile) -> None:
        self._settings = settings
        self._store = store
        self._read = read

    def update(self, timeframe: Timeframe, now_ms: int) -> Update:
        """The last `window_candles` candles that are final at `now_ms`, and what was wrong.

        Only the store's own errors pass.

        A failure leaves the window as it was before the file that failed: there is no hole that
        nobody would fill.
        """
        due = newest_final(timeframe, now_ms, self._settings.tick.settle_seconds)
        stored, issues = self._load_stored(timeframe, due)
        work = Update(candles=stored, issues=issues)
        if not len(stored) or stored.opened_at[-1] < due:
            work = self._forward(work, due)
            if work.files or not len(stored):
                work = self._backward(work, due)
            kept = work.candles.tail(self._settings.market.window_keep)
            if len(kept) and not _is_same_window(kept, stored):
                self._store.save(kept)
        final = work.candles.closed_by(due + timeframe.ms)
        return replace(work, candles=final.tail(self._settings.market.window_candles))

    def _load_stored(self, timeframe: Timeframe, due: int) -> tuple[Candles, tuple[Issue, ...]]:
        """What the store has, where it is whole and recent enough to be continued."""
        stored = self._store.load(timeframe)
        if stored is None:
            return empty_candles(timeframe), ()
        try:
            check_candle_rules(stored)
        except BadData as error:
            return empty_candles(timeframe), (
                _issue(
                    Reason.DATA_BROKEN, timeframe, forbids=False, what="window", detail=str(error)
                ),
            )
        if (
            len(stored)
            and due - int(stored.opened_at[-1])
            >= self._settings.market.window_candles * timeframe.ms
        ):
            return empty_candles(timeframe), ()
        return stored, ()

    def _forward(self, work: Update, due: int) -> Update:
        """Read every file from the one with the last candle to the one with the candle that is due,
        oldest first.
        """
        timeframe = work.candles.timeframe
        since = int(work.candles.opened_at[-1]) if len(work.candles) else due
        for file in files_between(timeframe, since, due + timeframe.ms):
            try:
                work = _join_candles(work, self._read(file, due + timeframe.ms))
            except NotThere as error:
                # The newest file may not be there yet just after the roll; an older one is missing
                # for good.
                newest = file.end > due
                issues = () if newest else (_failure_issue(timeframe, file, error, forbids=False),)
                work = replace(work, issues=work.issues + issues, files=work.files + 1)
            except StaleAnswer as error:
                # What was final in it is taken. Newer files are not, or a hole would stay:
                # `inspect_candles` says what lacks.
                if error.candles is not None and len(error.candles):
                    work = _join_candles(work, error.candles)
                stale = _issue(
                    Reason.DATA_STALE,
                    timeframe,
                    forbids=False,
                    what="candle_file",
                    file=file.name,
                    detail=str(error),
                )
                return replace(work, issues=(*work.issues, stale), files=work.files + 1)
            except BotError as error:
                return replace(
                    work,
                    issues=(*work.issues, _failure_issue(timeframe, file, error, forbids=True)),
                )
        return work

    def _backward(self, work: Update, due: int) -> Update:
        """Read older files until the window is full, up to the number that could be needed."""
        timeframe = work.candles.timeframe
        wanted = self._settings.market.window_candles
        span = files_between(timeframe, due - (wanted - 1) * timeframe.ms, due + timeframe.ms)
        file = file_of(
            timeframe, int(work.candles.opened_at[0]) if len(work.candles) else due
        ).before
        for _ in range(len(span) - 1 + SPARE_FILES):
            if (
                len(work.candles.closed_by(due + timeframe.ms)) >= wanted
                or file.end <= FIRST_FILE_AT
            ):
                break
            try:
                work = _join_candles(work, self._read(file, due + timeframe.ms))
            except BotError as error:
                return replace(
                    work,
                    issues=(*work.issues, _failure_issue(timeframe, file, error, forbids=False)),
                )
            file = file.before
        return work


def _join_candles(work: Update, new: Candles) -> Update:
    """The new candles win; what they changed is reported, and forbids nothing."""
    changed = changed_times(work.candles, new)
    issues = work.issues
    if len(changed):
        context = {"corrected": str(len(changed)), "first_at": str(int(changed[0]))}
        issues = (
            *issues,
            _issue(Reason.DATA_BROKEN, new.timeframe, forbids=False, what="correction", **context),
        )
    return Update(candles=merge_candles(work.candles, new), issues=issues, files=work.files + 1)


def _is_same_window(one: Candles, two: Candles) -> bool:
    return np.array_equal(one.opened_at, two.opened_at) and not len(changed_times(one, two))


def _failure_issue(
    timeframe: Timeframe, file: CandleFile, error: BotError, *, forbids: bool
) -> Issue:
    context = {"what": "candle_file", "file": file.name, "detail": str(error)}
    return _issue(reason_of(error), timeframe, forbids=forbids, **context)


def _issue(reason: Reason, timeframe: Timeframe, *, forbids: bool, **context: str) -> Issue:
    return Issue(
        reason=reason, forbids_entry=forbids, context={"timeframe": timeframe.value, **context}
    )
