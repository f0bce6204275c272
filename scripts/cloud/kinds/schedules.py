"""What calls the functions by the clock."""

import base64
from collections.abc import Sequence

from scripts.cloud.comparing import FieldDifference
from scripts.cloud.kinds.kind import PlainKind, call
from scripts.cloud.resource import FoundResource, GcloudCall, Resource

_RETRIES = {
    "retryCount": "max-retry-attempts",
    "minBackoffDuration": "min-backoff",
    "maxBackoffDuration": "max-backoff",
    "maxDoublings": "max-doublings",
}


class ScheduleKind(PlainKind):
    """A job of Cloud Scheduler. Whether it is paused is a field of it, with verbs of its own."""

    schema = "cloudscheduler.v1 Job"
    api = "cloudscheduler.googleapis.com"

    def question(self, resource: Resource) -> GcloudCall:
        """All of the region."""
        return call("scheduler", "jobs", "list", _at(resource))

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it, and pause it where it is to be paused."""
        headers = _headers(resource, "headers")
        create = call("scheduler", "jobs", "create", "http", resource.id, _at(resource))
        made = create.adding(*_flags(resource), headers)
        paused = resource.body["state"] == "PAUSED"
        return [made, _state_call(resource)] if paused else [made]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """What it does first, so that nothing is resumed as it was."""
        update = call("scheduler", "jobs", "update", "http", resource.id, _at(resource))
        others = [one for one in differences if one.path != "state"]
        calls = []
        if others:
            calls.append(update.adding(*_flags(resource), _headers(resource, "update-headers")))
        if len(others) < len(differences):
            calls.append(_state_call(resource))
        return calls

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """Take it away."""
        return [call("scheduler", "jobs", "delete", resource.id, _at(resource))]


def _at(resource: Resource) -> str:
    return f"--location={resource.region}"


def _state_call(resource: Resource) -> GcloudCall:
    verb = "pause" if resource.body["state"] == "PAUSED" else "resume"
    return call("scheduler", "jobs", verb, resource.id, _at(resource))


def _headers(resource: Resource, flag: str) -> str:
    told = resource.body["httpTarget"]["headers"]
    return f"--{flag}={','.join(f'{name}={text}' for name, text in told.items())}"


def _flags(resource: Resource) -> list[str]:
    body, target = resource.body, resource.body["httpTarget"]
    retries = body["retryConfig"]
    return [
        f"--description={body['description']}",
        f"--schedule={body['schedule']}",
        f"--time-zone={body['timeZone']}",
        f"--attempt-deadline={body['attemptDeadline']}",
        f"--uri={target['uri']}",
        f"--http-method={target['httpMethod'].lower()}",
        f"--message-body={base64.b64decode(target['body']).decode()}",
        f"--oidc-service-account-email={target['oidcToken']['serviceAccountEmail']}",
        f"--oidc-token-audience={target['oidcToken']['audience']}",
        *(f"--{flag}={retries[name]}" for name, flag in _RETRIES.items() if name in retries),
    ]
