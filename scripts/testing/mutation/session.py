"""Try mutants in forks: one process collects all tests once, and each mutant is a fork of it in
which one function is another.

A function's code is exchanged in place, so that whoever has imported it calls the mutant. What
stands outside of functions (constants, defaults, tables) is tried in a fork of a process that has
imported nothing of the project yet.
"""

import importlib
import importlib.abc
import importlib.machinery
import json
import os
import signal
import sys
import time
import types
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from scripts.installation.checkout import ROOT
from scripts.testing.mutation.forks import Ended, Forks
from scripts.testing.mutation.mutants import Mutant
from scripts.testing.mutation.rooms import Room

Say: TypeAlias = Callable[[str], None]

KILLED, TIMED_OUT, SURVIVED = "killed", "timed out", "survived"
SLOW_SECONDS = 0.6
"""Tests that compute for longer, under coverage, are not asked: what a rule of money says, a test
says in a moment."""

LEAST_SECONDS, TIMES_AS_LONG = 2.0, 8.0
"""A test that computes for longer than this, and so many times as long as without a mutant, goes
round in a circle."""

WAITED_SECONDS = 300.0
"""A fork that computes nothing for so long waits for something that never comes."""

AHEAD = ("numpy", "msgspec", "hypothesis", "yaml", "coverage", "pytest")
"""Imported before anything of the project is, so that no fork has to."""

MUTATED_AND_TESTS = frozenset({"shared", "models", "functions", "tests"})
"""The packages that a fork imports anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MutantVerdict:
    """What came of one mutant; `killer` is the test that noticed."""

    mutant: Mutant
    outcome: str
    killer: str | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one run has to do.

    `first` may name, by a mutant's id, the test that noticed it the last time. `measured`: find out
    first by which tests each line is reached (worth it for more than a few mutants). `done` is
    called with every verdict as it comes.
    """

    rooms: Mapping[str, Room]
    mutants: Sequence[Mutant]
    first: Mapping[str, str]
    workers: int
    measured: bool
    done: Callable[[MutantVerdict], None]


def try_mutants(work: Work) -> None:
    """Try every mutant.

    Raises `RuntimeError` where tests fail without any, or cannot be collected.
    """
    for name in AHEAD:
        importlib.import_module(name)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    inside = [mutant for mutant in work.mutants if mutant.within]
    if inside:
        _in_one_session(work, inside)
    _each_alone(work, [mutant for mutant in work.mutants if not mutant.within])


def _verdict(mutant: Mutant, ended: Ended) -> MutantVerdict:
    """A fork that died without a word was killed by what its mutant did, which no test could
    overlook.
    """
    silent: dict[str, Any] = {
        "killer": None if ended.too_long else "the process died",
        "too_long": ended.too_long,
    }
    said = json.loads(ended.said) if ended.said else silent
    outcome = TIMED_OUT if said["too_long"] else KILLED if said["killer"] else SURVIVED
    return MutantVerdict(
        mutant=mutant, outcome=outcome, killer=said["killer"], seconds=round(ended.seconds, 3)
    )


# one session for all that lies in functions


def _in_one_session(work: Work, mutants: Sequence[Mutant]) -> None:
    """Collect all tests in a fork, so that this process stays without the project's modules; take
    its verdicts as they come.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            with os.fdopen(writing, "w", encoding="utf-8") as told:
                session = _Session(work, mutants, told)
                code = _pytest_main(_tests(work.rooms.values()), session)
                session.send_line(ended=code, why=session.why)
        finally:
            os._exit(0)
    os.close(writing)
    by_id = {mutant.id: mutant for mutant in mutants}
    last: dict[str, Any] = {"ended": "without a word", "why": []}
    with os.fdopen(reading, encoding="utf-8") as lines:
        for line in lines:
            last = json.loads(line)
            if "ended" not in last:
                work.done(MutantVerdict(mutant=by_id[last.pop("id")], **last))
    os.waitpid(child, 0)
    if last["why"] or last["ended"] != 0:
        raise RuntimeError(
            f"the tests do not pass without a mutant: {last['why'] or last['ended']}"
        )


def _tests(rooms: Iterable[Room]) -> list[str]:
    """The files of tests of some rooms, each once."""
    return list(
        dict.fromkeys(test for room in rooms for test in room.tests if (ROOT / test).exists())
    )


def _pytest_main(tests: Sequence[str], plugin: object) -> int:
    """Pytest in this process, without a word."""
    import pytest

    without = [
        word
        for name in ("cacheprovider", "xdist", "pytest_cov", "faulthandler")
        for word in ("-p", f"no:{name}")
    ]
    words = ["-q", *without, "--assert=plain", "--rootdir", str(ROOT)]
    kept = os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        return int(pytest.main([*words, *(str(ROOT / test) for test in tests)], plugins=[plugin]))
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)


class _Session:
    """A pytest plugin: in place of pytest's own loop it measures the tests once, then forks for
    each mutant.
    """

    def __init__(self, work: Work, mutants: Sequence[Mutant], told: Any) -> None:
        self.work, self.mutants, self._told = work, mutants, told
        self.why: list[str] = []
        self._slow: set[str] = set()
        self._again: list[Mutant] = []
        self._recent: dict[tuple[str, str], list[str]] = defaultdict(list)

    def send_line(self, **what: Any) -> None:
        """One line for the process that waits."""
        self._told.write(json.dumps(what) + "\n")
        self._told.flush()

    def pytest_configure(self) -> None:
        """That a test fails is all that is asked: nothing is shrunk."""
        without_shrinking()

    def pytest_collectreport(self, report: Any) -> None:
        """What could not be collected."""
        if report.failed:
            self.why.append(report.nodeid)

    def pytest_runtestloop(self, session: Any) -> bool:
        """All of it."""
        items = {item.nodeid: item for item in session.items}
        # Once, before the forks: they share it.
        session.config._tmp_path_factory.getbasetemp()  # noqa: SLF001
        baseline = self._baseline(items)
        if self.why:
            return True
        waiting = list(self.mutants)
        while waiting:
            self._again = []
            forks = Forks(workers=self.work.workers)
            for mutant in waiting:
                chosen = [items[name] for name in self._choose_tests(mutant, items, baseline)]
                work = partial(self._run_exchanged, mutant, chosen, baseline)
                forks.start(
                    work,
                    limit_seconds=WAITED_SECONDS,
                    done=partial(self._record_end, mutant, items),
                )
            forks.join()
            waiting = self._again
        return True

    def _baseline(self, items: Mapping[str, Any]) -> "Baseline":
        """The tests without a mutant, in forks of their own; failures go to `why`.

        One that is slow ends its fork.
        """
        seconds: dict[str, float] = {}
        reached: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        left = list(items) if self.work.measured else []
        paths = [str(ROOT / room.path) for room in self.work.rooms.values()]

        def done(ended: Ended) -> None:
            told = [json.loads(line) for line in (ended.said or "").splitlines()]
            for each in told:
                if each["failed"]:
                    self.why.append(each["name"])
                seconds[each["name"]] = each["seconds"]
                for path, lines in each["reached"].items():
                    for line in lines:
                        reached[path][line].append(each["name"])
            del left[: len(told) + 1]

        while left:
            forks = Forks(workers=1)
            forks.start(
                lambda say: _measure_tests([items[name] for name in left], paths, say),
                limit_seconds=WAITED_SECONDS,
                done=done,
            )
            forks.join()
        return Baseline(seconds=seconds, reached=reached)

    def _choose_tests(
        self, mutant: Mutant, items: Mapping[str, Any], baseline: "Baseline"
    ) -> list[str]:
        """The tests to ask: those that noticed it the last time, or a neighbour; then all that
        reach the lines, by time.
        """
        room = self.work.rooms[mutant.room]
        own = {test: place for place, test in enumerate(room.tests)}
        mine = [name for name in items if name.partition("::")[0] in own and name not in self._slow]
        if baseline.seconds:
            lines = baseline.reached.get(str(ROOT / room.path), {})
            reaching = {
                name
                for line in range(mutant.lines[0], mutant.lines[1] + 1)
                for name in lines.get(line, ())
            }
            quick = [name for name in mine if name in reaching and name in baseline.seconds]
            mine = sorted(quick, key=lambda name: baseline.seconds[name])
        else:
            mine.sort(key=lambda name: own[name.partition("::")[0]])
        first = [
            self.work.first.get(mutant.id, ""),
            *reversed(self._recent[mutant.room, mutant.function][-3:]),
        ]
        return list(dict.fromkeys([*(name for name in first if name in mine), *mine]))

    def _run_exchanged(
        self, mutant: Mutant, chosen: Sequence[Any], baseline: "Baseline", say: Say
    ) -> None:
        """In a fork: the mutant in place of the function, and the tests until one fails."""
        exchange(mutant, self.work.rooms[mutant.room])
        _run_until_failure(chosen, baseline.seconds, say)

    def _record_end(self, mutant: Mutant, items: Mapping[str, Any], ended: Ended) -> None:
        verdict = _verdict(mutant, ended)
        killer = verdict.killer or ""
        if (
            verdict.outcome == TIMED_OUT
            and killer in items
            and _is_too_slow(lambda say: _run_until_failure([items[killer]], {}, say))
        ):
            self._slow.add(killer)
            self._again.append(mutant)
            return
        if verdict.killer is not None:
            self._recent[verdict.mutant.room, verdict.mutant.function].append(verdict.killer)
        self.send_line(
            id=verdict.mutant.id,
            outcome=verdict.outcome,
            killer=verdict.killer,
            seconds=verdict.seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """How long each test takes, and by which tests each line of a file is reached."""

    seconds: Mapping[str, float]
    reached: Mapping[str, Mapping[int, Sequence[str]]]


def _measure_tests(items: Sequence[Any], paths: Sequence[str], say: Say) -> None:
    """Run tests under coverage, each said as it ends.

    One that computes for too long ends this fork without a word.
    """
    import coverage

    signal.signal(signal.SIGPROF, lambda _signal, _frame: os._exit(0))
    for item in items:
        cover = coverage.Coverage(
            data_file=None, include=list(paths), config_file=False, branch=False
        )
        signal.setitimer(signal.ITIMER_PROF, SLOW_SECONDS)
        started = time.process_time()
        cover.start()
        failed = first_failure([item], lambda _: None) is not None
        cover.stop()
        signal.setitimer(signal.ITIMER_PROF, 0)
        seconds, data = time.process_time() - started, cover.get_data()
        reached = {path: lines for path in paths if (lines := data.lines(path))}
        say(
            json.dumps(
                {"name": item.nodeid, "failed": failed, "seconds": seconds, "reached": reached}
            )
            + "\n"
        )


def _run_until_failure(items: Sequence[Any], usual_seconds: Mapping[str, float], say: Say) -> None:
    """Run tests in this fork until one fails, or computes for many times as long as usual."""
    running = ""

    def late(_signal: int, _frame: object) -> None:
        say(json.dumps({"killer": running, "too_long": True}))
        os._exit(0)

    def begin(name: str) -> None:
        nonlocal running
        running = name
        usual = usual_seconds.get(name, SLOW_SECONDS / 4)
        signal.setitimer(signal.ITIMER_PROF, LEAST_SECONDS + TIMES_AS_LONG * usual)

    signal.signal(signal.SIGPROF, late)
    killer = first_failure(items, begin)
    signal.setitimer(signal.ITIMER_PROF, 0)
    say(json.dumps({"killer": killer, "too_long": False}))


def first_failure(items: Sequence[Any], begin: Callable[[str], None]) -> str | None:
    """Run tests in this process until one fails; its name. `begin` is called before each."""
    from _pytest.runner import runtestprotocol

    for place, item in enumerate(items):
        begin(item.nodeid)
        following = items[place + 1] if place + 1 < len(items) else None
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            return str(item.nodeid)
    return None


def without_shrinking() -> None:
    """The seeded samples of hypothesis, without the search for a smaller failure."""
    import hypothesis

    hypothesis.settings.register_profile(
        "mutants",
        derandomize=True,
        deadline=None,
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    )
    hypothesis.settings.load_profile("mutants")


def exchange(mutant: Mutant, room: Room) -> None:
    """Give the function that is mutated its new code, wherever it is known."""
    module = importlib.import_module(room.module)
    code = _code_of(compile_module(mutant.text, str(ROOT / room.path)), mutant.function)
    function_of(module, mutant.function).__code__ = code


def compile_module(text: str, path: str) -> types.CodeType:
    """A module's code; that a mutant is strange code needs no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(text, path, "exec", dont_inherit=True)


def function_of(module: types.ModuleType, name: str) -> types.FunctionType:
    """A module's function by its qualified name: of a property what reads it, of a class method
    what it binds.
    """
    found: Any = module
    for part in name.split("."):
        found = vars(found)[part]
    found = getattr(found, "fget", None) or getattr(found, "__func__", None) or found
    while not isinstance(found, types.FunctionType):
        found = found.__wrapped__
    return found


def _code_of(module: types.CodeType, name: str) -> types.CodeType:
    """The code of a function of a compiled module."""
    waiting = [module]
    while waiting:
        code = waiting.pop()
        if code.co_qualname == name:
            return code
        waiting += [each for each in code.co_consts if isinstance(each, types.CodeType)]
    raise AssertionError(f"{name} is not in the mutated module")


# a session of its own for what lies outside of functions


def _each_alone(work: Work, mutants: Sequence[Mutant]) -> None:
    """Each mutant in a fork of its own.

    Tests that are slow without any mutant are left out, once one of them was too slow.
    """
    slow: set[str] = set()
    waiting = list(mutants)
    while waiting:
        again: list[Mutant] = []

        def done(mutant: Mutant, ended: Ended, again: list[Mutant] = again) -> None:
            verdict, room = _verdict(mutant, ended), work.rooms[mutant.room]
            killer = verdict.killer or ""
            if (
                verdict.outcome == TIMED_OUT
                and "::" in killer
                and _is_too_slow(partial(_alone, None, room, frozenset(), killer))
            ):
                slow.add(killer)
                again.append(mutant)
            else:
                work.done(verdict)

        forks = Forks(workers=work.workers)
        for mutant in waiting:
            alone = partial(_alone, mutant, work.rooms[mutant.room], frozenset(slow), None)
            forks.start(alone, limit_seconds=WAITED_SECONDS, done=partial(done, mutant))
        forks.join()
        waiting = again


def _is_too_slow(work: Callable[[Say], None]) -> bool:
    """Whether tests take too long without a mutant as well."""
    found: list[bool] = []
    forks = Forks(workers=1)
    forks.start(
        work,
        limit_seconds=WAITED_SECONDS,
        done=lambda ended: found.append('"too_long": true' in (ended.said or "")),
    )
    forks.join()
    return found[0]


def _alone(
    mutant: Mutant | None, room: Room, slow: frozenset[str], only: str | None, say: Say
) -> None:
    """In a fork that forgets what was imported of the project: the mutated module in place of the
    real one, and its tests.
    """
    for name in [name for name in sys.modules if name.partition(".")[0] in MUTATED_AND_TESTS]:
        del sys.modules[name]  # whoever started this may have imported them: pytest's worker has
    if mutant is not None:
        sys.meta_path.insert(0, _Instead(mutant, room))
    stops = _Stops(say, slow, only)
    code = _pytest_main(_tests([room]), stops)
    if not stops.asked:
        say(json.dumps({"killer": f"collecting (pytest ended with {code})", "too_long": False}))


class _Stops:
    """A pytest plugin that runs tests until one fails.

    A module that cannot even be imported is noticed by all of them.
    """

    def __init__(self, say: Say, slow: frozenset[str], only: str | None) -> None:
        self.asked = False
        self._say, self._slow, self._only = say, slow, only

    def pytest_configure(self) -> None:
        """That a test fails is all that is asked: nothing is shrunk."""
        without_shrinking()

    def pytest_runtestloop(self, session: Any) -> bool:
        """In place of pytest's own."""
        self.asked = not session.testsfailed
        if self.asked:
            items = [
                item
                for item in session.items
                if item.nodeid not in self._slow and self._only in {None, item.nodeid}
            ]
            _run_until_failure(items, {}, self._say)
        return True


class _Instead(importlib.abc.MetaPathFinder):
    """Finds the mutated text for one module."""

    def __init__(self, mutant: Mutant, room: Room) -> None:
        self._mutant, self._room = mutant, room

    def find_spec(
        self, fullname: str, path: Any, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The usual place with another text."""
        if fullname != self._room.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            return None
        spec.loader = _Text(fullname, spec.origin, self._mutant.text)
        return spec


class _Text(importlib.machinery.SourceFileLoader):
    """Loads a module from a text."""

    def __init__(self, fullname: str, path: str, text: str) -> None:
        super().__init__(fullname, path)
        self._text = text

    def get_code(self, fullname: str) -> types.CodeType:
        """Compiled, never from a cache."""
        del fullname
        return compile_module(self._text, self.path)
