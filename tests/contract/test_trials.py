"""What a trial log must do over every document store. Adapters: conftest.py."""

import dataclasses
import multiprocessing

import pytest

from shared.core.errors import BadData, BotError
from shared.core.trials import History, Trial
from shared.stores import trials as adapter
from shared.stores.ports import Trials, Write
from shared.stores.trials import TrialLog
from tests.support.adapters import documents_at

FORKS = pytest.mark.filterwarnings(
    "ignore:This process:DeprecationWarning"
)  # told from 3.12 on; no thread runs then


def made_trial(number=0, **changes):
    told = {
        "kind": "study",
        "settings_hash": f"{number:016x}",
        "data_hash": "d" * 16,
        "start_at": 1_000_000,
        "end_at": 9_000_000,
        "model": "20260101-abc",
        "recorded_at": 10_000_000 + number,
        "sharpe": 0.1 * number,
        "changed": {
            "risk.stop_atr": 2.5,
            "sides": "both",
            "risk.exit_on_opposite": True,
            "replay.maker_fee_rate": None,
        },
        "numbers": {"return_rate": -0.25, "trades": 12.0},
    }
    return Trial(**{**told, **changes})


@pytest.fixture
def log(documents) -> Trials:
    return TrialLog(documents)


def test_an_empty_log_has_no_trial(log):
    assert log.all() == History()
    assert log.all().count == 0


def test_what_was_appended_is_read_back_exactly_and_oldest_first(log):
    trials = [
        made_trial(2),
        made_trial(1, sharpe=None, model=None, changed={}, numbers={}),
        made_trial(3),
    ]
    assert [log.append(trial) for trial in trials] == [True, True, True]
    assert log.all() == History(trials=(trials[1], trials[0], trials[2]))


def test_the_same_trial_run_twice_counts_once_and_the_first_record_stays(log):
    first = made_trial()
    again = dataclasses.replace(
        first, recorded_at=99_000_000, sharpe=3.0, changed={}, numbers={"other": 1.0}
    )
    assert again.id == first.id
    assert log.append(first)
    assert not log.append(again)
    assert log.all().trials == (first,)


@pytest.mark.parametrize(
    "change",
    [
        {"settings_hash": "e" * 16},
        {"data_hash": "e" * 16},
        {"start_at": 1_000_001},
        {"end_at": 9_000_001},
        {"model": None},
        {"model": "None"},
        {"kind": "search"},
    ],
    ids=str,
)
def test_a_trial_that_differs_in_what_was_tried_is_another_one(log, change):
    assert log.append(made_trial())
    assert log.append(made_trial(**change))
    assert len(log.all().trials) == 2


def test_the_same_try_in_two_kinds_of_work_has_two_records_and_counts_as_one_thing_tried(log):
    log.append(made_trial(kind="backtest"))
    log.append(made_trial(kind="study"))
    assert len(log.all().trials) == 2
    assert log.all().count == 1


def test_one_kind_alone_can_be_asked_for(log):
    for number, kind in enumerate(("study", "search", "study")):
        log.append(made_trial(number, kind=kind))
    assert [trial.settings_hash[-1] for trial in log.all("study").trials] == ["0", "2"]
    assert [trial.kind for trial in log.all("search").trials] == ["search"]
    assert log.all("none").trials == ()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sharpe": float("nan")}, "sharpe"),
        ({"sharpe": float("inf")}, "sharpe"),
        ({"numbers": {"return_rate": float("nan")}}, r"numbers\.return_rate"),
        ({"kind": ""}, "kind"),
        ({"settings_hash": ""}, "settings_hash"),
        ({"data_hash": ""}, "data_hash"),
        ({"end_at": 1_000_000}, "period"),
        ({"changed": {"": 1}}, "key"),
    ],
)
def test_a_trial_that_breaks_its_rules_is_refused_and_nothing_is_written(log, change, named):
    with pytest.raises(BadData, match=named):
        log.append(made_trial(**change))
    assert log.all() == History()


DAMAGES = {
    "a field that is gone": lambda data: {
        name: value for name, value in data.items() if name != "settings_hash"
    },
    "another type": lambda data: {**data, "end_at": "soon"},
    "another setting": lambda data: {**data, "settings_hash": "f" * 16},
    "another period": lambda data: {**data, "start_at": 5},
    "another name": lambda data: {**data, "id": "0" * 32},
    "nothing": lambda data: {},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("kind", [None, "study", "search"])
def test_a_damaged_record_is_reported_and_counted_and_hides_no_other(documents, log, damage, kind):
    whole, broken = made_trial(1), made_trial(2)
    log.append(whole)
    log.append(broken)
    path = f"trials/{broken.id}"
    documents.commit([Write(kind="put", path=path, data=damage(documents.get(path).data))])
    told = log.all(kind)
    assert told.damaged == (path,)
    assert told.trials == ((whole,) if kind != "search" else ())
    assert log.all().count == 2
    assert not log.append(broken)  # the name is taken: a damaged record is never written over
    assert log.all().damaged == (path,)


def test_a_record_with_a_field_of_a_later_version_is_no_damage(documents, log):
    log.append(made_trial())
    path = f"trials/{made_trial().id}"
    documents.commit([Write(kind="put", path=path, data={**documents.get(path).data, "later": 1})])
    assert log.all() == History(trials=(made_trial(),))


def test_a_log_longer_than_a_page_is_read_whole(log, monkeypatch):
    monkeypatch.setattr(adapter, "FIRST_PAGE", 4)
    for number in range(33):
        log.append(made_trial(number))
    assert [trial.recorded_at for trial in log.all().trials] == [
        10_000_000 + number for number in range(33)
    ]


def test_an_append_whose_answer_was_lost_has_written_once(documents_case):
    assert TrialLog(documents_case.open(lossy=1)).append(made_trial())
    assert TrialLog(documents_case.open()).all().trials == (made_trial(),)
    with pytest.raises(BotError):
        TrialLog(documents_case.open(lossy=2)).append(made_trial(2))
    log = TrialLog(documents_case.open())
    assert not log.append(made_trial(2))
    assert log.all().count == 2


def test_the_log_only_creates(documents, log):
    """Nothing that it can be asked for changes or deletes: the store's other writes are never
    called.
    """
    calls = []
    for name in ("replace", "commit", "create"):
        real = getattr(documents, name)
        setattr(
            documents,
            name,
            lambda *args, _name=name, _real=real: (calls.append((_name, args)), _real(*args))[1],
        )
    for _ in range(2):
        log.append(made_trial())
    log.all()
    writes = [write for name, args in calls if name == "commit" for write in args[0]]
    assert {name for name, _ in calls} == {"create", "commit"}
    assert {write.kind for write in writes} == {"create"}
    assert len(writes) == 2
    assert [name for name in dir(TrialLog) if not name.startswith("_")] == ["all", "append"]


def _append_in_a_process(path: str, own: int, start, results) -> None:
    documents = documents_at(path)
    log = TrialLog(documents)
    start.wait()
    new = [
        log.append(made_trial(number))
        for number in [*range(30), *range(1000 * own, 1000 * own + 30)]
    ]
    documents.close()
    results.put((sum(new[:30]), sum(new[30:])))


@FORKS
def test_of_4_processes_that_append_at_once_nothing_is_lost_and_nothing_counts_twice(
    lasting_documents_case,
):
    context = multiprocessing.get_context("fork")
    start, results = context.Event(), context.Queue()
    processes = [
        context.Process(
            target=_append_in_a_process, args=(lasting_documents_case.address, own, start, results)
        )
        for own in range(1, 5)
    ]
    for process in processes:
        process.start()
    start.set()
    told = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert (
        sum(shared for shared, _ in told) == 30
    )  # of the trials that all four ran, each was new exactly once
    assert [own for _, own in told] == [30] * 4
    history = TrialLog(lasting_documents_case.open()).all()
    assert history.count == len(history.trials) == 150
    assert history.damaged == ()


def test_the_log_is_there_after_the_store_was_closed_and_opened_again(lasting_documents_case):
    documents = lasting_documents_case.open()
    TrialLog(documents).append(made_trial())
    documents.close()
    assert TrialLog(lasting_documents_case.open()).all().trials == (made_trial(),)
