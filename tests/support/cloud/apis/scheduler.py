"""Jobs that are paused, resumed, and run by hand."""

from collections.abc import Mapping
from typing import Any

from tests.support.cloud.calls import Handler
from tests.support.cloud.routes import Call
from tests.support.cloud.state import Refusal, State


def _turned(wanted: str) -> Handler:
    def turn(call: Call, state: State) -> Any:
        job = state.read(call.key)
        if wanted == "PAUSED" and job["state"] == "PAUSED":
            raise Refusal(400, "Job is already paused.")
        job["state"] = wanted
        return job

    return turn


def _run(call: Call, state: State) -> Any:
    job = state.read(call.key)
    job["lastAttemptTime"] = state.now()
    return job


_JOBS = "cloudscheduler.projects.locations.jobs"
METHODS: Mapping[str, Handler] = {
    f"{_JOBS}.pause": _turned("PAUSED"),
    f"{_JOBS}.resume": _turned("ENABLED"),
    f"{_JOBS}.run": _run,
}
