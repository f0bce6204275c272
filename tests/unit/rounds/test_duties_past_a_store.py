"""The rounds where the store is not down but broken: what they find is told all the same."""

from typing import Any

import pytest

from shared.alerts.office import Office
from shared.core.calendar import DAY_MS
from shared.core.errors import BotError, StoreBroken, Unavailable
from shared.core.settings import load_settings
from shared.rounds.duties import RoundsPlace, do_watch
from shared.stores.memory import MemoryBucket, MemoryDocuments
from shared.tick.documents import BotDocuments
from tests.support.fixed_clock import FixedClock
from tests.unit.alerts.test_office import AT, Second
from tests.unit.alerts.test_office_faults import Talking

SETTINGS = load_settings({})


@pytest.mark.parametrize("error", [Unavailable("down"), StoreBroken("damaged")])
def test_what_the_watch_finds_is_told_once_where_nothing_can_be_stored(error: BotError) -> None:
    documents, clock, channel, second = MemoryDocuments(), FixedClock(AT), Talking(), Second()
    BotDocuments(documents, SETTINGS.id).halt(who="ann", why="a look", now_ms=AT - 2 * DAY_MS)

    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    documents.create = refuse  # type: ignore[method-assign]
    office = Office(documents, SETTINGS, clock, channel, second)
    place = RoundsPlace(
        settings=SETTINGS,
        documents=documents,
        bucket=MemoryBucket(),
        clock=clock,
        office=office,
    )
    first, again = do_watch(place), do_watch(place)
    assert first["alerts"]
    assert first["is_told"]
    assert again["alerts"] == []
    assert sorted(channel.told) == sorted(first["alerts"])
