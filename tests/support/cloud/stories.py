"""The life of each kind of resource, as `stories.yaml` tells it, played by the real gcloud."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.cloud.apis.projects import BILLING_ACCOUNT
from tests.support.cloud.gcloud import Gcloud
from tests.support.cloud.server import Cloud

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One of `stories.yaml`, where its fields are explained."""

    key: str
    create: str
    describe: str
    described: Mapping[str, Any]
    updated: Mapping[str, Any]
    before: tuple[str, ...] = ()
    by_hand: Mapping[str, Mapping[str, Any]]
    update: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    kept: bool = False
    usual: bool = False


@cache
def stories() -> Mapping[str, Story]:
    """All of them, by the kind of what lives."""
    told = yaml.safe_load((HERE / "stories.yaml").read_text(encoding="utf-8"))
    return {kind: _story(fields) for kind, fields in told.items()}


def _story(fields: dict[str, Any]) -> Story:
    by_hand = fields.pop("by hand", {})
    lists = {name: tuple(told) for name, told in fields.items() if isinstance(told, list)}
    return Story(**{**fields, **lists}, by_hand=by_hand)


class Player:
    """Says to gcloud what a story says, its words filled in."""

    def __init__(self, cloud: Cloud, gcloud: Gcloud, folder: Path) -> None:
        self.cloud, self.gcloud = cloud, gcloud
        state = cloud.state
        self._words = {
            "project": state.project,
            "number": state.number,
            "region": state.region,
            "billing": BILLING_ACCOUNT,
            "tick": f"tick@{state.project}.iam.gserviceaccount.com",
            "folder": str(folder),
        }
        for file in (HERE / "stories").rglob("*.*"):
            copy = folder / file.relative_to(HERE / "stories")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(self.filled(file.read_text(encoding="utf-8")), encoding="utf-8")

    def filled(self, text: str) -> str:
        """With the words in; braces around anything else stay."""
        return re.sub(r"\{(\w+)\}", lambda word: self._words.get(word[1], word[0]), text)

    def ask(self, line: str) -> Any:
        """What gcloud answers as JSON."""
        return json.loads(self.say(f"{line} --format=json"))

    def say(self, line: str) -> str:
        """What gcloud answers; AssertionError with what it said where it fails."""
        told, bar, command = line.partition(" | ")
        stdin = told.removeprefix("< ") if bar and line.startswith("< ") else None
        words = shlex.split(self.filled(line if stdin is None else command))
        ran = self.gcloud.run(*words, stdin=stdin)
        assert ran.returncode == 0, f"gcloud {shlex.join(words)}: {ran.stderr}"
        return ran.stdout

    def by_hand(self, story: Story) -> None:
        """What somebody did in the browser."""
        for key, fields in story.by_hand.items():
            self.cloud.state.resources.setdefault(self.filled(key), {}).update(fields)

    def resource(self, story: Story) -> Any:
        """What the server holds of the story; None where it is not there. Learns its id."""
        key = self.filled(story.key)
        resources = self.cloud.state.resources
        if not key.endswith("/"):
            return resources.get(key)
        found = [name for name in resources if name.startswith(key)]
        assert len(found) <= 1, found
        if found:
            self._words["id"] = found[0].removeprefix(key)
        return resources[found[0]] if found else None

    def differences(self, told: Any, wanted: Mapping[str, Any]) -> Iterator[str]:
        """Where `told` is not as a story wants it, a sentence each."""
        for path, value in wanted.items():
            want = json.loads(self.filled(json.dumps(value)))
            found = _at(told, path)
            if found != want:
                yield f"{path} is {found!r}, not {want!r}"


def _at(told: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(told, list):
            told = told[int(part)] if int(part) < len(told) else None
        elif isinstance(told, dict):
            told = told.get(part)
    return told
