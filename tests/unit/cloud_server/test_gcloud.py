"""Each kind of resource that a setup makes lives its whole life by the real gcloud, and nothing
that gcloud sends is other than Google's documents say.
"""

from pathlib import Path

import pytest

from tests.plugins import closing
from tests.support.cloud import stories
from tests.support.cloud.gcloud import Gcloud, environment
from tests.support.cloud.routes import APIS
from tests.support.cloud.server import Cloud

STORIES = stories.stories()


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if story.usual else pytest.mark.full)
        for kind, story in STORIES.items()
    ],
)
def test_a_resource_lives_from_its_making_to_its_end(
    cloud: Cloud, tmp_path: Path, kind: str
) -> None:
    story = STORIES[kind]
    player = stories.Player(cloud, Gcloud.of(cloud, tmp_path), tmp_path)
    for line in story.before:
        player.say(line)
    player.by_hand(story)
    player.say(story.create)
    assert player.resource(story) is not None
    assert list(player.differences(player.ask(story.describe), story.described)) == []
    for line in story.update:
        player.say(line)
    assert list(player.differences(player.resource(story), story.updated)) == []
    for line in story.delete:
        player.say(line)
    assert (player.resource(story) is not None) == story.kept
    assert cloud.faults == []
    assert len(cloud.recorded) >= 2 + len(story.before) + len(story.update) + len(story.delete)


def test_the_stories_are_many_and_a_few_are_usual() -> None:
    assert len(STORIES) >= 28
    assert 3 <= sum(story.usual for story in STORIES.values()) <= 5
    services = {story.key.partition("/")[0] for story in STORIES.values()}
    assert services == set(APIS) - {"cloudbilling"}


def test_a_machine_without_gcloud_skips_by_the_word_that_can_be_required(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception) as skipped:
        Gcloud.of(cloud, tmp_path)
    assert closing.kind_of(str(skipped.value)) == "gcloud"


def test_gcloud_is_told_nothing_of_its_user(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSDK_CORE_ACCOUNT", "somebody@example.com")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/somewhere/key.json")
    told = environment(cloud, tmp_path)
    assert not any("somebody" in value or "key.json" in value for value in told.values())
    assert {name for name in told if not name.startswith("CLOUDSDK_")} <= {
        "HOME",
        "LANG",
        "PATH",
        "TMPDIR",
    }
    endpoints = [name for name in told if "ENDPOINT_OVERRIDES" in name]
    assert len(endpoints) == len(APIS)
