"""Each condition begins where its rule says, is told once, and once more when it is over."""

from dataclasses import replace

import pytest

from shared.core.calendar import DAY_MS, HOUR_MS, MINUTE_MS
from shared.core.errors import Unavailable
from shared.core.sentences.english.rounds import SENTENCES
from shared.core.types import Level
from shared.model.registry import BundleRegistry
from shared.rounds.conditions import COMMANDS
from shared.rounds.rules import RULES
from shared.rounds.sight import MOST_TICKS
from tests.support.made_bundles import WHY, made
from tests.support.watch_world import ROUND, T0, WatchWorld, alert_name


def living() -> WatchWorld:
    """A world in which ticks finish, and the watch has gone round once."""
    world = WatchWorld()
    world.tick()
    assert world.look().conditions == ()
    return world


def go_on(world: WatchWorld, *, ticks: bool = True) -> list[str]:
    """A quarter of an hour later; what that told."""
    before = len(world.told)
    world.clock.true_ms += ROUND
    if ticks:
        world.tick()
    world.look()
    return world.kinds()[before:]


def test_a_quiet_bot_has_nothing_to_tell_and_a_quiet_round_writes_nothing() -> None:
    world = living()
    written = world.bucket.inner.generation("watch/default.json")
    assert [go_on(world) for _ in range(100)] == [[]] * 100
    assert world.bucket.inner.generation("watch/default.json") == written
    assert len(world.store.query("watch")) == 1, "the copy"


def test_ticks_that_cease_are_told_within_a_period_then_hourly_and_their_return_once() -> None:
    world = living()
    told = [go_on(world, ticks=False) for _ in range(9)]
    assert told == [["silent"], [], [], [], ["silent"], [], [], [], ["silent"]]
    assert {alert.level for alert in world.told} == {Level.CRITICAL}
    assert go_on(world) == ["-silent"]
    assert go_on(world) == []


def test_silence_begins_after_the_seconds_that_are_set_and_not_before() -> None:
    for seconds, name in ((600, []), (601, ["silent"])):
        world = living()
        world.look(after_ms=seconds * 1000)
        assert world.kinds() == name


def test_a_bot_that_ticks_every_half_an_hour_is_not_silent_in_between() -> None:
    world, calls = WatchWorld(BOT_TICK__INTERVAL_SECONDS="1800"), []
    world.call_tick = lambda: bool(calls.append(world.clock.true_ms)) or True
    world.tick()
    world.look()
    assert [go_on(world, ticks=number % 2 == 1) for number in range(8)] == [[]] * 8
    assert calls == []
    assert [go_on(world, ticks=False) for _ in range(5)].count(["silent"]) == 1


def test_a_bot_that_never_ticked_is_silent_since_the_first_round() -> None:
    world = WatchWorld()
    world.look()
    assert [go_on(world, ticks=False) for _ in range(3)] == [["silent"], [], []]
    assert "no tick was ever finished" in world.told[0].fields["what was found"]


def test_a_bot_whose_state_is_damaged_is_judged_by_its_reports() -> None:
    world = living()
    stored = world.bot.peek()
    world.store.replace(stored, {**stored.data, "state": {"schema": "x"}})
    world.look(after_ms=MINUTE_MS)
    assert world.kinds() == ["blind"]
    assert go_on(world, ticks=False) == ["silent"]


@pytest.mark.parametrize("status", ["failed", "degraded", "lost"])
def test_more_than_five_errors_an_hour_are_told_and_five_are_not(status) -> None:
    world = living()
    for number in range(5):
        world.tick(status, at=world.clock.true_ms + number * MINUTE_MS)
    assert go_on(world) == []
    world.tick(status)
    assert go_on(world) == ["errors"]
    assert [go_on(world) for _ in range(3)] == [[], [], ["-errors"]]


def test_errors_that_swing_around_their_limit_are_told_once_until_they_are_half() -> None:
    world = living()
    for minute in range(1, 5 * 60 + 1):
        world.clock.true_ms += MINUTE_MS
        if minute % 3 == 0:
            world.tick("degraded" if minute % 12 == 0 or minute % 51 == 0 else "done")
        if minute % 15 == 0:
            world.look()
    assert world.kinds() == ["errors"]
    assert [go_on(world) for _ in range(4)].count(["-errors"]) == 1


def test_an_order_that_nobody_settles_is_told_and_a_fresh_one_is_not() -> None:
    world = living()
    path = world.write_order(at=world.clock.true_ms)
    assert go_on(world) == []
    assert go_on(world) == ["unsettled"]
    assert path in world.told[0].fields["what was found"]
    world.settle_order(path)
    assert go_on(world) == ["-unsettled"]


def test_a_persons_halt_is_told_by_the_watch_only_when_it_has_stood_for_a_day() -> None:
    world = living()
    halt = world.bot.halt(who="Aiko", why="a storm", now_ms=T0)
    rounds = DAY_MS // ROUND
    assert [go_on(world) for _ in range(rounds - 1)] == [[]] * (rounds - 1)
    assert go_on(world) == ["halt"]
    world.bot.resume(halts=[halt.id], drawdown=0, who="Aiko", why="over", now_ms=T0)
    world.bot.halt(who="Ben", why="another", now_ms=world.clock.true_ms)
    assert go_on(world) == [], "the bot is still halted, and Ben's act was told"


def test_a_halt_of_the_future_is_told_at_once() -> None:
    world = living()
    world.bot.halt(who="Aiko", why="a storm", now_ms=T0 + 9 * DAY_MS)
    assert go_on(world) == ["halt"]


def test_a_persons_halt_is_told_and_what_takes_it_back() -> None:
    world = living()
    halt = world.bot.halt(who="Aiko", why="a storm", now_ms=T0 - DAY_MS)
    assert go_on(world) == ["halt"]
    assert "by Aiko" in world.told[0].fields["what was found"]
    world.bot.resume(halts=[halt.id], drawdown=0, who="Aiko", why="over", now_ms=T0)
    assert go_on(world) == ["-halt"]


def test_a_drawdown_halt_is_told_under_the_ticks_key_and_its_end_by_the_tick() -> None:
    world = living()
    world.tick(halted_at=T0)
    assert go_on(world) == ["drawdown_halt"]
    assert world.told[0].key == "default:drawdown_halt:" + world.told[0].key.split(":")[2]
    world.bot.resume(halts=[], drawdown=T0, who="Aiko", why="seen", now_ms=T0)
    assert go_on(world) == []
    assert world.look().conditions == ()


def test_ticks_that_are_all_late_are_told_and_two_are_not() -> None:
    world = living()
    world.clock.true_ms += ROUND
    world.tick(late_in_a_row=2)
    world.look()
    assert world.kinds() == []
    world.tick(late_in_a_row=3)
    world.look()
    world.tick(late_in_a_row=0)
    world.look()
    assert world.kinds() == ["late", "-late"]


def test_an_old_model_and_a_retraining_that_is_overdue_by_the_numbers_of_the_tick() -> None:
    world = living()
    registry = BundleRegistry(world.bucket.inner)
    watch = world.settings.watch
    for version, as_of in (("old", T0), ("new", T0 + 20 * DAY_MS)):
        registry.publish(version, made(version, as_of=as_of))
    registry.promote("old", at=T0, **WHY)
    registry.note_retraining(at=T0)
    assert go_on(world) == []
    world.clock.true_ms = T0 + int(watch.overdue_days * DAY_MS) - ROUND
    assert go_on(world) == []
    assert go_on(world) == ["retrain_overdue"]
    registry.note_retraining(at=world.clock.true_ms)
    assert go_on(world) == ["-retrain_overdue"]
    world.clock.true_ms = T0 + int(watch.max_age_days * DAY_MS)
    registry.note_retraining(at=world.clock.true_ms)
    assert go_on(world) == ["model_old"]
    registry.promote("new", at=T0, **WHY)
    assert go_on(world) == ["-model_old"]


def test_a_document_store_that_stops_is_told_and_nothing_of_it_ends_or_begins() -> None:
    world = living()
    world.bot.halt(who="Aiko", why="a storm", now_ms=T0 - DAY_MS)
    assert go_on(world) == ["halt"]
    world.documents.stopped = True
    told = [go_on(world, ticks=False) for _ in range(5)]
    assert told == [["documents_down"], [], [], [], ["documents_down"]]
    world.documents.stopped = False
    assert go_on(world) == ["-documents_down"]


def test_a_bucket_that_stops_is_told_once_though_the_memory_lay_in_it() -> None:
    world = living()
    world.bot.halt(who="Aiko", why="a storm", now_ms=T0 - DAY_MS)
    assert go_on(world) == ["halt"]
    world.bucket.stopped = True
    assert [go_on(world) for _ in range(4)] == [["bucket_down"], [], [], []]
    world.bucket.stopped = False
    assert go_on(world) == ["-bucket_down"]
    assert go_on(world) == []


def test_an_old_model_is_not_over_because_the_bucket_does_not_answer() -> None:
    world = living()
    registry = BundleRegistry(world.bucket.inner)
    registry.publish("old", made("old", as_of=0))
    registry.promote("old", at=T0, **WHY)
    assert go_on(world) == ["model_old"]
    world.bucket.stopped = True
    assert [go_on(world) for _ in range(2)] == [["bucket_down"], []]
    world.bucket.stopped = False
    assert go_on(world) == ["-bucket_down"]


def test_a_part_that_cannot_be_read_hides_no_other() -> None:
    world = living()
    world.store.create("control/default", {"schema": "nonsense"})
    stored = world.bot.peek()
    world.store.replace(stored, {**stored.data, "state": "nonsense"})
    world.write_order(at=T0)
    world.clock.true_ms += ROUND
    world.look(after_ms=ROUND)
    assert sorted(world.kinds()) == ["blind", "silent", "unsettled"]
    assert "state: " in world.told[-1].fields["what was found"]


def test_one_slow_answer_of_a_store_is_no_outage() -> None:
    world = living()

    def stumble(when: str, what: str) -> None:
        if (when, what) == ("before", "documents.query"):
            raise Unavailable("a moment")

    world.hook = stumble
    assert go_on(world) == ["blind"]
    world.hook = lambda _when, _what: None
    assert go_on(world) == ["-blind"]


@pytest.mark.parametrize("hours", [-5, -1, 1, 5])
def test_a_clock_that_is_wrong_by_hours_is_told_and_makes_no_silence(hours) -> None:
    world = living()
    world.skew_ms = lambda: world.clock.off_ms
    world.clock.off_ms = hours * HOUR_MS
    assert [go_on(world) for _ in range(3)] == [["clock"], [], []]
    world.clock.off_ms = 0
    assert go_on(world) == ["-clock"]
    assert abs(world.told[0].at - (T0 + ROUND)) < MINUTE_MS, "by the exchange's clock"


@pytest.mark.parametrize("seconds", [-30, 30])
def test_a_wrong_clock_is_not_right_because_the_exchange_does_not_answer_once(seconds) -> None:
    world = living()
    world.skew_ms = lambda: world.clock.off_ms
    world.clock.off_ms = seconds * 1000
    assert go_on(world) == ["clock"]
    world.skew_ms = lambda: None
    assert [go_on(world) for _ in range(3)] == [[]] * 3
    world.skew_ms = lambda: world.clock.off_ms
    world.clock.off_ms = 0
    assert go_on(world) == ["-clock"]


def test_without_the_exchange_a_clock_behind_is_seen_by_stored_times_and_hides_no_silence() -> None:
    world = living()
    world.clock.off_ms = -5 * HOUR_MS
    assert go_on(world) == ["clock"]
    round_ = world.look(after_ms=ROUND)
    assert "silent" in round_.unjudged
    world.clock.off_ms = 0
    assert go_on(world, ticks=False) == ["silent"]
    assert go_on(world) == ["-clock", "-silent"]


def tick_of_next_year(world: WatchWorld, *, saves: bool) -> None:
    """A tick by a clock that was a year ahead; the next one that saves heals the state."""
    before = world.bot.peek().data["state"]
    for _ in range(MOST_TICKS):
        world.tick("done", at=world.clock.true_ms + 365 * DAY_MS)
    if not saves:
        stored = world.bot.peek()
        world.store.replace(stored, {**stored.data, "state": before})


@pytest.mark.parametrize("saves", [True, False])
def test_ticks_that_a_wrong_clock_put_into_next_year_hide_neither_silence_nor_errors(saves) -> None:
    world = living()
    world.skew_ms = lambda: world.clock.off_ms
    tick_of_next_year(world, saves=saves)
    assert "silent" in go_on(world, ticks=False)
    assert "-silent" in go_on(world)
    assert not {"clock", "silent"} & {one.name for one in world.look().conditions}
    for _ in range(6):
        world.tick("failed")
    assert go_on(world) == ["errors"]


def test_a_state_that_is_unread_for_a_moment_makes_no_call_a_tick_that_finished() -> None:
    world = living()
    world.call_tick = lambda: False
    assert go_on(world, ticks=False) == ["silent"]
    reads = 0

    def stumble(when: str, what: str) -> None:
        nonlocal reads
        if (when, what) == ("before", "documents.get"):
            reads += 1
            if reads == 2:
                raise Unavailable("a moment")

    world.clock.true_ms += HOUR_MS
    world.hook = stumble
    assert sorted(go_on(world, ticks=False)) == ["blind", "silent"]
    assert reads > 2


def test_errors_of_ticks_that_come_every_minute_are_counted_over_the_whole_hour() -> None:
    world = WatchWorld(
        BOT_TICK__INTERVAL_SECONDS="60",
        BOT_TICK__NO_NEW_ORDER_AFTER_SECONDS="35",
        BOT_TICK__ANSWER_BY_SECONDS="45",
        BOT_TICK__LEASE_SECONDS="55",
    )
    world.tick()
    world.look()
    for minute in range(54):
        world.clock.true_ms += MINUTE_MS
        world.tick("failed" if minute % 9 == 0 else "done")
    world.look()
    assert world.kinds() == ["errors"]


def test_without_the_exchange_a_clock_ahead_is_seen_by_the_tick_that_was_called() -> None:
    world = living()
    world.clock.off_ms = 5 * HOUR_MS

    def call() -> bool:
        world.tick()
        return True

    world.call_tick = call
    assert go_on(world) == ["clock"]
    world.clock.off_ms = 0
    assert go_on(world) == ["-clock"]


def test_the_tick_is_called_once_and_nothing_is_told_where_that_helped() -> None:
    world, calls = living(), []

    def call() -> bool:
        calls.append(world.clock.true_ms)
        world.tick()
        return True

    world.call_tick = call
    assert go_on(world, ticks=False) == []
    assert len(calls) == 1
    assert go_on(world, ticks=False) == ["unscheduled"], "nobody else calls it"
    assert go_on(world) == ["-unscheduled"]
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("answers", "says"),
    [(True, "which answered"), (False, "got no answer"), (None, "Nobody could")],
)
def test_the_alert_of_silence_says_whether_a_tick_was_called(answers, says) -> None:
    world = living()
    world.call_tick = None if answers is None else lambda: answers
    assert go_on(world, ticks=False) == ["silent"]
    assert says in world.told[0].fields["what the bot did"]


@pytest.mark.parametrize("ends", [True, False])
def test_a_tick_that_is_at_work_when_the_watch_calls_one_is_waited_for(ends) -> None:
    world = living()

    def wake() -> bool:  # a machine that slept: its scheduler's tick was sent a moment before
        now = world.clock.true_ms
        world.bot.take_lease(now_ms=now, lease_ms=7_000, longest_ms=7_000)
        if ends:
            world.clock.at = (now + 8_000, lambda: world.tick(at=now + 8_000))
        return True

    world.call_tick = wake
    assert go_on(world, ticks=False) == ([] if ends else ["silent"])


def test_a_call_that_raises_is_no_answer() -> None:
    world = living()

    def call() -> bool:
        raise RuntimeError("a surprise")

    world.call_tick = call
    assert go_on(world, ticks=False) == ["silent"]
    assert "got no answer" in world.told[0].fields["what the bot did"]


def test_every_condition_has_its_words_its_command_and_says_by_when() -> None:
    for name in RULES:
        assert f"rounds.title.{name}" in SENTENCES
        assert COMMANDS[name].startswith("scripts/bot ")
    world = living()
    world.bot.halt(who="Aiko", why="a storm", now_ms=T0 - DAY_MS)
    world.write_order(at=T0 - HOUR_MS)
    go_on(world, ticks=False)
    by = {alert_name(alert): alert.fields["by when"] for alert in world.told}
    assert by == {
        "silent": "within 5 minutes",
        "unsettled": "within 5 minutes",
        "halt": "within 30 minutes",
    }
    for alert in world.told:
        assert {"what was found", "what the bot did", "what to do", "type"} <= alert.fields.keys()


def test_a_round_reads_fewer_than_forty_documents(tmp_path) -> None:
    from functions import wiring

    store = wiring.documents_for(
        wiring.settings_from({"BOT_HOME": str(tmp_path), "BOT_STATE": f"sqlite:///{tmp_path}/a.db"})
    )
    world = WatchWorld(documents=store)
    for number in range(60):
        world.tick("failed", at=T0 - (60 - number) * MINUTE_MS, late_in_a_row=3, halted_at=T0)
        world.write_order(at=T0 - HOUR_MS)
    world.bot.halt(who="Aiko", why="a storm", now_ms=T0 - DAY_MS)
    world.call_tick = lambda: False
    world.clock.true_ms += ROUND
    counts = []
    for _ in range(3):
        before = store.reads
        world.look(after_ms=ROUND)
        counts.append(store.reads - before)
    assert len(world.told) >= 5
    assert 10 < max(counts) < 40, counts
    store.close()


def test_settings_of_the_rounds_change_no_decision() -> None:
    settings = WatchWorld().settings
    other = replace(settings, rounds=replace(settings.rounds, errors_an_hour=50))
    assert other.hash == settings.hash
