"""The process of a live bot is killed at every step of a tick, and asked to end while an entry
rests: the next ticks find everything, and the exchange shows no trace of it.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.test_crash_matrix import READINGS
from tests.support import world as worlds
from tests.support.killed_stories import FURTHEST, KilledStory
from tests.support.live_process import NOW, STEPS, Place, live_process
from tests.support.signed_client import SignedClient
from tests.support.world import DAY

KILLS_OF_A_SAMPLE = 2
TRIES = 6
PLAN = {
    "begin": 2,
    "claim": 2,
    "load": 2,
    "reconcile": 4,
    "protect": 4,
    "fetch": 3,
    "signal": 2,
    "decide": 2,
    "order": 10,
    "attend": 12,
    "cover": 4,
    "save": 3,
    "tell": 2,
}
"""Kills of a story; what happens between an order and its stop is struck most."""
ONCE = {"BOT_EXECUTION__ENTRY_ATTEMPTS": "1"}
STORIES: tuple[dict[str, Any], ...] = (
    {"account": "margin", "volume_share": "1"},
    {"account": "spot", "btc_lots": 30, **ONCE},
    {"account": "margin", "readings": READINGS, "volume_share": "0.03", **ONCE},
    {"account": "spot", "readings": READINGS, "volume_share": "0.03"},
)


@contextmanager
def story_of(number: int, home: Path) -> Iterator[KilledStory]:
    told = STORIES[number % len(STORIES)]
    with live_process(home, now=NOW + number % 4 * DAY, **told) as bot:
        client = SignedClient(bot.server.port, bot.source.now_ms)
        story = KilledStory(bot=bot, dice=random.Random(f"killed {number}"), client=client)
        story.begin()
        try:
            yield story
        finally:
            client.close()


def killed(number: int, home: Path, *, full: bool) -> KilledStory:
    """A story that is killed by plan, or, where it is no full one, by the beginning of it."""
    with story_of(number, home) as story:
        dice = story.dice
        steps = [step for step, times in PLAN.items() for _ in range(times)]
        dice.shuffle(steps)
        for step in steps if full else steps[:KILLS_OF_A_SAMPLE]:
            for _ in range(TRIES):
                story.next_candle()
                if step == "protect" and dice.random() < 0.8:
                    story.take_the_stop_away()
                place = Place(
                    step=step,
                    number=dice.randint(1, FURTHEST[step]),
                    loses=dice.choice(["request", "answer"]),
                )
                if story.kill_at(place):
                    break
        return story


def terminated(number: int, home: Path, *, full: bool) -> KilledStory:
    """A story that is asked to end while entries rest."""
    with story_of(number, home) as story:
        most = 5 if full else 1
        for _ in range(10 * most):
            if story.counts["SIGTERM while an entry rested"] >= most:
                break
            story.next_candle()
            if story.terminate_in_attend(story.dice.randint(1, FURTHEST["attend"])):
                story.recover("SIGTERM")
        print(f"\nfrom SIGTERM to the answer, s: {sorted(story.ended_after)}")
        return story


def told(play: Callable[..., KilledStory], tmp_path: Path, *, stories: int, full: bool) -> Any:
    worlds.training()
    with ThreadPoolExecutor(stories) as pool:
        asked = [
            pool.submit(play, number, tmp_path / f"story-{number}", full=full)
            for number in range(stories)
        ]
        ended = [one.result() for one in asked]
    counts = sum((story.counts for story in ended), Counter[str]())
    print(f"\n{dict(sorted(counts.items()))}")
    broken = [f"story {n}: {one}" for n, story in enumerate(ended) for one in story.broken]
    return counts, broken


@pytest.mark.slow
def test_a_process_that_is_killed_in_any_step_of_a_tick_leaves_nothing_that_two_ticks_do_not_mend(
    tmp_path: Path, full: bool
) -> None:
    counts, broken = told(killed, tmp_path, stories=len(STORIES), full=full)
    assert not broken, "\n".join([f"{len(broken)}", *broken[:20]])
    assert counts["kills"] >= (200 if full else 6)
    assert counts["entries"] >= (60 if full else 3)
    assert counts["positions looked at"] >= (60 if full else 1)
    if full:
        assert all(counts[f"killed in {step}"] >= 5 for step in STEPS), counts
        assert counts["entries filled in part"] >= 10
        assert counts["entries filled whole"] >= 10
        assert counts["stops placed"] >= 40
        assert counts["killed while an entry rested"] >= 20
        assert counts["killed while it was bare"] >= 10


@pytest.mark.slow
def test_a_process_that_is_asked_to_end_while_an_entry_rests_ends_it_and_protects_what_was_filled(
    tmp_path: Path, full: bool
) -> None:
    counts, broken = told(terminated, tmp_path, stories=4 if full else 2, full=full)
    assert not broken, "\n".join([f"{len(broken)}", *broken[:20]])
    assert counts["SIGTERM while an entry rested"] == (20 if full else 2)
    assert counts["entries left to the next tick"] == 0
    assert counts["ended in time"] == counts["SIGTERM while an entry rested"]
