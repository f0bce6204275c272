"""Drawn cases of the crash matrix with the bot's documents on a real Firestore emulator: the same
blows, the same promises.
"""

import random
from collections import Counter
from pathlib import Path

import pytest

from shared.stores.google.firestore import FirestoreDocuments
from tests.chaos.test_crash_matrix import PLACES, drawn_cases, made_world, situations_of
from tests.support import crash_matrix as matrix
from tests.support.emulators import fresh_project

CASES, CASES_OF_A_SAMPLE = 200, 8


@pytest.mark.slow
def test_whatever_strikes_a_live_tick_on_firestore_costs_time_and_nothing_else(
    firestore_here: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    is_full = request.config.getoption("--full")
    places = PLACES if is_full else PLACES[:1]
    each = (CASES if is_full else CASES_OF_A_SAMPLE) // len(places)
    counts: Counter[str] = Counter()
    broken: list[str] = []
    for place in places:
        folder = tmp_path / str(place).replace(" ", "-")
        folder.mkdir()
        with made_world(place, folder) as world:
            found = situations_of(world)
            cases = drawn_cases(world, found, seed=23)
            stores = [case for case in cases if case.site[0].startswith("store")]
            others = [case for case in cases if not case.site[0].startswith("store")]
            drawn = [*stores[: each - each // 3], *others[: each // 3]]
            random.Random(5).shuffle(drawn)
            world.documents.close()
            world.fresh_documents = lambda: FirestoreDocuments.open(f"{fresh_project()}/(default)")
            for case in drawn:
                at, known = found[case.situation]
                matrix.play(world, known, at, case)
                counts += case.counts
                counts["played"] += 1
                counts[case.blow.value] += 1
                if case.broken:
                    broken.append(f"{place}, {case}: {'; '.join(case.broken[:3])}")
            world.documents.close()
    print(f"\n{dict(counts)}")
    assert not broken, "\n".join([f"{len(broken)} of {counts['played']}", *broken[:20]])
    assert counts["played"] == each * len(places)
    assert counts["killed"] > 0
    assert counts["entries"] > 0
