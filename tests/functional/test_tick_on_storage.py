"""A tick whose bucket is one of Cloud Storage: the same as on a folder, and in time when the
service hangs.
"""

import itertools
import time
from dataclasses import replace

import pytest

from shared.core.deadline import Deadline
from shared.core.types import TickReport, TickStatus
from shared.tick.cycle import run_tick
from shared.tick.request import TickRequest
from tests.support.storage_server import Fault, running
from tests.support.world import DAY, HISTORY_DAYS, INTERVAL, START, name, world

NOW = START + HISTORY_DAYS * DAY
TICKS = 4
ANSWER_BY_SECONDS = 12.0


def told(report: TickReport) -> TickReport:
    """What two ticks of one moment have in common: all but how long they took."""
    return replace(report, timings_ms={}, counts={})


def test_ticks_are_the_same_on_a_folder_and_on_cloud_storage(tmp_path, monkeypatch) -> None:
    with world(tmp_path / "folder") as scene:
        scene.with_model()
        ports = scene.ports()
        on_folder = [told(scene.tick(NOW + n * INTERVAL, ports)) for n in range(TICKS)]
    with running("my-bucket") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        extra = {"BOT_BUCKET": "gs://my-bucket/bots"}
        with world(tmp_path / "cloud", extra=extra) as scene:
            scene.with_model()
            ports = scene.ports()
            in_cloud = [told(scene.tick(NOW + n * INTERVAL, ports)) for n in range(TICKS)]
        stored = server.objects("my-bucket")
    for one, other in zip(in_cloud, on_folder, strict=True):
        assert one == other
    assert any(report.fills for report in in_cloud)
    assert {report.status for report in in_cloud} == {TickStatus.DONE}
    assert all(key.startswith("bots/") for key in stored)
    assert "bots/bundles/current.json" in stored
    assert server.requests["get"] + server.requests["look"] >= TICKS


@pytest.mark.parametrize("kind", ["hang", "trickle"])
def test_a_tick_whose_bucket_hangs_answers_in_time_and_manages_what_it_holds(
    tmp_path, monkeypatch, kind
) -> None:
    extra = {"BOT_BUCKET": "gs://my-bucket"}
    with running("my-bucket") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        with world(tmp_path / "cloud", extra=extra) as scene:
            scene.with_model()
            ports = scene.ports()
            scene.tick(NOW, ports)
            held = scene.tick(NOW + INTERVAL, ports)
            assert held.positions
            fault = Fault("hang") if kind == "hang" else Fault("slow", seconds=0.2)
            for verb in ("get", "look", "put", "list"):
                server.plan(verb, *itertools.repeat(fault, 200))
            at, began = NOW + 2 * INTERVAL, time.monotonic()
            scene.time.advance_to(at)
            request = TickRequest(tick=name(at), scheduled_at=at, received_at=at)
            deadline = Deadline.after(ANSWER_BY_SECONDS)
            report = run_tick(ports, scene.settings, request, deadline=deadline)
            assert time.monotonic() - began < ANSWER_BY_SECONDS + 0.5
    assert report.status is TickStatus.DEGRADED
    assert [(entry.side, entry.lots) for entry in report.positions] == [
        (entry.side, entry.lots) for entry in held.positions
    ]
