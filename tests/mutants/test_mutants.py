"""A seeded sample of the slips that a money rule can suffer: each is noticed.

`--full` takes them all.
"""

# Imported beforehand, as in a run of all tests: a slip in a constant is noticed all the same.
import shared.exchanges.paper.account  # noqa: F401
from scripts.testing.mutation.equal import AT_MOST
from scripts.testing.mutation.rooms import ROOMS
from scripts.testing.mutation.run import run

SAMPLE = 80


def test_every_slip_in_a_money_rule_is_noticed_by_a_test_of_its_room(full, tmp_path) -> None:
    rooms = list(ROOMS)
    report = run(
        rooms,
        sample=None if full else SAMPLE,
        seed=20_260_101,
        workers=None,
        work=tmp_path,
        again=True,
    )
    tried = sum(room.tried for room in report.rooms)
    noticed = sum(room.killed + room.timed_out for room in report.rooms)
    equal = sum(room.equal for room in report.rooms)
    print(f"{tried:,} mutants of {len(rooms)} rooms: {noticed:,} noticed, {equal:,} equal")
    assert [survivor.id for survivor in report.survivors] == []
    assert noticed + equal == tried
    assert tried >= (3_500 if full else SAMPLE)
    assert equal <= max(4, AT_MOST * tried)
