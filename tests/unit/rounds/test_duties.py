"""The rounds as the command does them, on the stores of a machine at home."""

from pathlib import Path

from click.testing import CliRunner

from scripts.commands.rounds import command
from shared.alerts.log_sink import LogSink
from shared.alerts.office import Office
from shared.core.errors import BotError
from shared.core.settings import load_settings
from shared.rounds.duties import RoundsPlace, do_watch
from shared.stores.local.folder import FolderBucket
from shared.stores.local.sqlite import SqliteDocuments
from tests.support.fixed_clock import FixedClock

SETTINGS = load_settings({})


class Home:
    """A bot's folder, and what its alerts say."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told = folder, list[str]()
        self.clock = FixedClock(1_790_000_000_000)

    def watch(self) -> dict[str, object]:
        """One round, by a process that has just begun."""
        documents = SqliteDocuments(self.folder / "state.sqlite", busy_seconds=0.1)
        sink = LogSink(lambda _message, **fields: self.told.append(fields["kind"]))
        place = RoundsPlace(
            settings=SETTINGS,
            documents=documents,
            bucket=FolderBucket(self.folder / "bucket"),
            clock=self.clock,
            office=Office(documents, SETTINGS, self.clock, sink),
        )
        try:
            return do_watch(place)
        finally:
            documents.close()


def test_a_file_of_documents_that_is_damaged_is_told_past_it_once(tmp_path) -> None:
    home = Home(tmp_path)
    assert home.watch()["conditions"] == []
    (tmp_path / "state.sqlite").write_bytes(b"no database" * 1_000)
    for _ in range(3):
        home.clock.sleep_until(home.clock.now_ms() + 900_000)
        assert "documents_down" in home.watch()["conditions"]
    assert home.told.count("documents_down") == 1


def test_a_round_that_could_tell_nobody_says_so(tmp_path, monkeypatch) -> None:
    nowhere = "http://127.0.0.1:9"
    environ = {
        "BOT_HOME": str(tmp_path),
        "BOT_EXCHANGE__PUBLIC_URL": nowhere,
        "BOT_EXCHANGE__RETRY_BASE_SECONDS": "0.01",
        "BOT_DISCORD__ATTEMPTS": "1",
        "DISCORD_WEBHOOK_URL": f"{nowhere}/webhook",
    }
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    (tmp_path / "state.sqlite").write_bytes(b"no database" * 1_000)
    failure = CliRunner().invoke(command, ["watch"]).exception
    assert isinstance(failure, BotError)
    assert "nobody could be told of it" in str(failure)
    assert "documents_down" in str(failure)
