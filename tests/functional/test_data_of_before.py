"""A data folder that an earlier commit wrote goes on as it would have gone on there: bundle, state,
account, orders, window.

`tests/support/written_before/` was made on the last commit before the rooms were put in the order
of a trade, in the middle of a position; `data_folder.json` holds what that code did in the ticks
that followed.
"""

import json
import zipfile
from pathlib import Path

from shared.tick.documents import BotDocuments
from shared.turn.state import State
from tests.support import parity_world
from tests.support.signals import as_before
from tests.support.world import DAY, world

BEFORE = Path(parity_world.__file__).with_name("written_before")


def test_an_older_data_folder_goes_on_as_it_would_have_gone_on(tmp_path) -> None:
    told = json.loads((BEFORE / "data_folder.json").read_text())
    story = parity_world.story(
        seed=5, start_at=parity_world.NEW_YEAR - DAY // 8, days=0.5, missed=2, late=2
    )
    with zipfile.ZipFile(BEFORE / "data_folder.zip") as archive:
        archive.extractall(tmp_path / "home")
    minutes = parity_world.market_of(story)
    with world(
        tmp_path / "home", now=told["last"], minutes=minutes, extra=parity_world.RESTLESS
    ) as scene:
        bot = BotDocuments(scene.ports().documents, scene.settings.id)
        stored = bot.peek().data["state"]
        state = State.decode_state(stored, scene.settings)
        read = json.loads(json.dumps(state.encode_state(over=stored)))
        assert {**read, "signal": None} == {**stored, "signal": None}
        assert json.loads(json.dumps(as_before(state.signal))) == stored["signal"]
        tick, seen = parity_world.in_process(scene), []
        for scheduled_at, *_ in told["ticks"]:
            report = tick(scheduled_at, story.received_at.get(scheduled_at, scheduled_at))
            lots = sum(entry.lots for position in report.positions for entry in position.entries)
            reason = report.decision.reason if report.decision else None
            seen.append(
                [
                    scheduled_at,
                    report.status,
                    reason,
                    str(report.equity_jpy),
                    len(report.fills),
                    len(report.trades),
                    lots,
                ]
            )
    assert seen == told["ticks"]
    assert sum(row[4] for row in seen) >= 3
    assert seen[0][6] > 0
