"""What can be kept: a report that is there, by its id."""

import pytest
from click.testing import CliRunner

from scripts.cli import cli
from shared.core.errors import UserError
from shared.stores.local.sqlite import SqliteDocuments


@pytest.mark.parametrize("more", [[], ["--release"]])
@pytest.mark.parametrize(
    "name", ["../x", "a/b", "..", "", "x" * 3_000, "a\nb", "__x__", "a\0b", "\ud800", "番号", "~"]
)
def test_a_name_of_no_report_is_the_users_mistake_and_protects_nothing(
    tmp_path, monkeypatch, name, more
) -> None:
    monkeypatch.setenv("BOT_HOME", str(tmp_path))
    monkeypatch.delenv("BOT_STATE", raising=False)
    failure = CliRunner().invoke(cli, ["keep", name, *more]).exception
    assert isinstance(failure, UserError)
    assert failure.remedy
    documents = SqliteDocuments(tmp_path / "state.sqlite")
    assert documents.query("kept", limit=10) == []
    documents.close()
