"""What wakes a person where the bot cannot: a channel, a metric, conditions; and how long the log
is kept.
"""

from collections.abc import Sequence
from typing import Any

from scripts.cloud.comparing import FieldDifference
from scripts.cloud.kinds.kind import PlainKind, call
from scripts.cloud.resource import DOCUMENT, Body, FoundResource, GcloudCall, Resource


class ChannelKind(PlainKind):
    """A notification channel. Google gives it its name: ours is the one it is shown by."""

    schema = "monitoring.v3 NotificationChannel"
    api = "monitoring.googleapis.com"
    fixed = frozenset({"type"})

    def question(self, resource: Resource) -> GcloudCall:
        """All of the project."""
        return call("beta", "monitoring", "channels", "list")

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """By what it is shown as."""
        return shown_as(resource.body["displayName"], answer)

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it."""
        create = call("beta", "monitoring", "channels", "create")
        return [
            create.adding(f"--channel-content-from-file={DOCUMENT}").with_document(resource.body)
        ]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """All of it."""
        name = google_name(resource, found)
        update = call("beta", "monitoring", "channels", "update", name)
        return [
            update.adding(f"--channel-content-from-file={DOCUMENT}").with_document(resource.body)
        ]

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """By the name that Google gave it."""
        return [call("beta", "monitoring", "channels", "delete", google_name(resource, found))]


class PolicyKind(PlainKind):
    """An alert policy. Google gives it its name: ours is the one it is shown by."""

    schema = "monitoring.v3 AlertPolicy"
    api = "monitoring.googleapis.com"

    def question(self, resource: Resource) -> GcloudCall:
        """All of the project."""
        return call("alpha", "monitoring", "policies", "list")

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """By what it is shown as."""
        return shown_as(resource.body["displayName"], answer)

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it."""
        create = call("alpha", "monitoring", "policies", "create")
        return [create.adding(f"--policy-from-file={DOCUMENT}").with_document(resource.body)]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """All of it."""
        name = google_name(resource, found)
        update = call("alpha", "monitoring", "policies", "update", name)
        return [update.adding(f"--policy-from-file={DOCUMENT}").with_document(resource.body)]

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """By the name that Google gave it."""
        return [call("alpha", "monitoring", "policies", "delete", google_name(resource, found))]


class MetricKind(PlainKind):
    """A metric that counts lines of the log."""

    schema = "logging.v2 LogMetric"
    api = "logging.googleapis.com"
    fixed = frozenset({"metricDescriptor"})

    def question(self, resource: Resource) -> GcloudCall:
        """All of the project."""
        return call("logging", "metrics", "list")

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """Its name in the list is short."""
        return next((one for one in answer if one["name"] == resource.id), None)

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it."""
        create = call("logging", "metrics", "create", resource.id)
        return [create.adding(f"--config-from-file={DOCUMENT}").with_document(resource.body)]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """All of it."""
        update = call("logging", "metrics", "update", resource.id)
        return [update.adding(f"--config-from-file={DOCUMENT}").with_document(resource.body)]

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """Take it away."""
        return [call("logging", "metrics", "delete", resource.id)]


class LogsKind(PlainKind):
    """A bucket of the log, which Google makes."""

    schema = "logging.v2 LogBucket"
    api = "logging.googleapis.com"

    def question(self, resource: Resource) -> GcloudCall:
        """The bucket itself."""
        return call("logging", "buckets", "describe", resource.id, _at(resource))

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """It comes with the project; set how long it keeps."""
        days = f"--retention-days={resource.body['retentionDays']}"
        return [call("logging", "buckets", "update", resource.id, _at(resource), days)]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """How long it keeps."""
        return self.create_calls(resource)

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """Nothing: it is the project's own."""
        return []


def shown_as(name: str, listed: Sequence[Any]) -> Body | None:
    """The one that is shown by a name.

    >>> shown_as("a", [{"displayName": "a", "name": "projects/p/alertPolicies/1"}])["name"]
    'projects/p/alertPolicies/1'
    """
    return next((one for one in listed if one.get("displayName") == name), None)


def google_name(resource: Resource, found: FoundResource) -> str:
    """The name that Google gave it."""
    return str(found.body["name"]) if found.body else resource.name


def _at(resource: Resource) -> str:
    return f"--location={resource.region}"
