"""Working on the runs of a study: on one core, on all, or on a cluster, with the same results in
the same order.
"""

import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import replace
from functools import cache
from typing import TypeAlias

import numpy as np

from models.study.grid.given import Given, SharedInputs, run_inputs, stages_key
from models.study.grid.places import Workers, WorkPlace, open_work_place
from models.study.grid.points import Run
from models.study.grid.result import Measured, RunOutcome, measure_run
from shared.core import fingerprint
from shared.core.errors import Unavailable
from shared.core.interrupts import hide_interrupts_from_workers
from shared.replay.types import Inputs

Work: TypeAlias = Callable[[Inputs], Measured]
Told: TypeAlias = tuple[int, Measured, str]


def replay_runs(
    shared: Given,
    runs: Sequence[Run],
    *,
    workers: Workers | None = None,
    work: Work = measure_run,
    on_done: Callable[[RunOutcome], None] | None = None,
) -> list[RunOutcome]:
    """Work on every run; the results in the order of `runs`, the same whoever worked and however
    many.

    >>> from models.study.grid.given import build_given
    >>> from models.study.grid.points import Period, runs
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.core.types import Timeframe
    >>> start, day = 1_767_225_600_000, 86_400_000
    >>> minutes = generate(start_ms=start, days=8, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> span = Period(start_at=start + 7 * day, end_at=start + 8 * day)
    >>> todo = runs([{"risk.stop_atr": 2}, {"risk.stop_atr": 3}], [span])
    >>> shared = build_given(candles, since=span.start_at)
    >>> [out.measured.trades for out in replay_runs(shared, todo, workers=Workers(jobs=1))]
    [0, 0]

    Args:
        shared: What all runs begin from; its features were computed once, by `given`.
        runs: See `points.runs`.
        workers: Where; all cores of this machine by default.
        work: What is done with the inputs of a run: a function of a module, so that every worker
            can find it.
        on_done: Called in this process with each result as it comes, in any order.

    Raises:
        UserError: The backend is not installed, or has no address.
        Unavailable: The cluster does not answer, its workers run other code than this process, or a
            worker died.
    """
    outcomes: dict[int, RunOutcome] = {}
    groups = _groups(runs)
    left = {key: len(members) for key, members in groups.items()}
    workers = _no_more_than(len(runs), workers or Workers())
    with (
        open_work_place(workers, shared) as place,
        closing(_results(place, runs, groups, work)) as results,
    ):
        for number, result, code in results:
            if place.elsewhere and code != code_here():
                raise Unavailable(
                    "a worker runs other code than this process: use the same commit and the same"
                    " numpy everywhere"
                )
            run = runs[number]
            outcomes[number] = RunOutcome(run=run, measured=result)
            if on_done is not None:
                on_done(outcomes[number])
            key = stages_key(run.settings)
            left[key] -= 1
            if not left[key]:
                place.source.forget(key)
    return [outcomes[number] for number in range(len(runs))]


def _no_more_than(runs: int, workers: Workers) -> Workers:
    """As many workers as there are runs at most: every further process would be started to do
    nothing.
    """
    return replace(workers, jobs=min(workers.jobs, max(1, runs)))


@cache
def code_here() -> str:
    """The hash of the code that a result depends on: the sources as they are now, and numpy's
    version.
    """
    return fingerprint.digest_of(
        fingerprint.read_sources(("shared", "models/study/grid")), np.__version__
    )[:16]


def _one(source: SharedInputs, run: Run, number: int, work: Work) -> Told:
    """One run, in a worker."""
    return number, work(run_inputs(source, run)), code_here()


def _results(
    place: WorkPlace, runs: Sequence[Run], groups: Mapping[str, Sequence[int]], work: Work
) -> Generator[Told, None, None]:
    """Give the work away and yield what comes back, as it comes."""
    import joblib
    from joblib.externals.loky.process_executor import BrokenProcessPool

    order = _order(groups, place.at_once)
    calls = (joblib.delayed(_one)(place.source, runs[number], number, work) for number in order)
    parallel = joblib.Parallel(return_as="generator_unordered" if place.streams else "list")
    try:
        with warnings.catch_warnings():
            # told where an error or a person ends a study with runs under way: known then
            warnings.filterwarnings(
                "ignore", message=".*still being processed by the workers", category=UserWarning
            )
            with ExitStack() as ending:
                with (
                    hide_interrupts_from_workers() if place.streams else nullcontext()
                ):  # a list comes only once all is done
                    made = parallel(calls)
                    if place.streams:
                        ending.enter_context(closing(made))
                yield from made
    except BrokenProcessPool as error:
        raise Unavailable(
            "a worker process was ended from outside, most likely for want of memory; use fewer"
            " jobs"
        ) from error
    except ImportError as error:
        raise Unavailable(
            f"a worker cannot import this program ({error}); install it there, or set its"
            " PYTHONPATH"
        ) from error


def _groups(runs: Sequence[Run]) -> dict[str, list[int]]:
    """The places of the runs that share votes and predictions."""
    groups: dict[str, list[int]] = {}
    for number, run in enumerate(runs):
        groups.setdefault(stages_key(run.settings), []).append(number)
    return groups


def _order(groups: Mapping[str, Sequence[int]], at_once: int) -> Iterator[int]:
    """The order of work: `at_once` groups side by side, so that no worker waits while another one
    votes.
    """
    waiting = deque(deque(members) for members in groups.values())
    active: deque[deque[int]] = deque()
    while waiting or active:
        while waiting and len(active) < at_once:
            active.append(waiting.popleft())
        members = active.popleft()
        yield members.popleft()
        if members:
            active.append(members)
