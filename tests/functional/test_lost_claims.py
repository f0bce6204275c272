"""A tick whose claim or lease was written, and the answer lost, runs when it is sent again."""

import pytest

from functions import wiring
from shared.core.errors import Unavailable
from shared.core.types import TickStatus
from shared.stores.documents import AnswerLost
from shared.stores.memory import MemoryDocuments
from shared.tick.cycle import run_tick
from shared.tick.documents import BotDocuments
from shared.tick.request import TickRequest
from tests.support.world import DAY, HISTORY_DAYS, START, name, world

NOW = START + HISTORY_DAYS * DAY
REDELIVERY_MS = 20_000


class Losing(MemoryDocuments):
    """Loses the answers of batches that begin at a path, after they were applied."""

    lost_at = ""
    losses = 0

    def _apply(self, batch, writer):
        version = super()._apply(batch, writer)
        if self.losses and batch[0].path.startswith(self.lost_at):
            self.losses -= 1
            raise AnswerLost("the answer was lost on purpose")
        return version


@pytest.fixture
def losing(monkeypatch):
    documents = Losing()
    monkeypatch.setattr(wiring, "documents_for", lambda _settings: documents)
    return documents


@pytest.mark.parametrize("path", ["ticks/", "bots/"])
def test_the_same_tick_runs_when_it_is_sent_again(tmp_path, losing, path) -> None:
    with world(tmp_path / "home") as scene:
        ports, settings = scene.ports(), scene.settings
        scene.time.advance_to(NOW)
        request = TickRequest(tick=name(NOW), scheduled_at=NOW, received_at=NOW)
        losing.lost_at, losing.losses = path, 2
        with pytest.raises(Unavailable, match="lost on purpose"):
            run_tick(ports, settings, request)
        assert losing.losses == 0
        scene.time.advance_to(NOW + REDELIVERY_MS)
        again = TickRequest(tick=name(NOW), scheduled_at=NOW, received_at=NOW + REDELIVERY_MS)
        report = run_tick(ports, settings, again)
        assert report.status is not TickStatus.BUSY, report.detail
        assert BotDocuments(losing, settings.id).report(name(NOW))["status"] == report.status.value


def test_what_another_holds_is_not_given_back() -> None:
    bot = BotDocuments(MemoryDocuments(), "default")
    claim = bot.claim("t1", now_ms=0, lease_ms=170_000, holder="another").document
    lease = bot.take_lease(now_ms=0, lease_ms=170_000, holder="another")
    bot.give_up_open_claim("t1", "ours")
    bot.release_open_lease("ours")
    assert bot.documents.get(claim.path) == claim
    assert bot.peek() == lease.document
    bot.give_up_open_claim("t1", "another")
    bot.release_open_lease("another")
    assert bot.claim("t1", now_ms=1, lease_ms=170_000).document is not None
    assert bot.take_lease(now_ms=1, lease_ms=170_000).fence == lease.fence + 1
