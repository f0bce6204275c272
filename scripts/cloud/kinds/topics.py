"""Topics, and who is sent what comes on them."""

from collections.abc import Sequence

from scripts.cloud.comparing import FieldDifference
from scripts.cloud.kinds.kind import PlainKind, call
from scripts.cloud.resource import FoundResource, GcloudCall, Resource


class TopicKind(PlainKind):
    """A topic of Pub/Sub."""

    schema = "pubsub.v1 Topic"
    api = "pubsub.googleapis.com"

    def question(self, resource: Resource) -> GcloudCall:
        """All of the project."""
        return call("pubsub", "topics", "list")

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it."""
        return [call("pubsub", "topics", "create", resource.id, _regions(resource))]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """Where its messages may lie."""
        return [call("pubsub", "topics", "update", resource.id, _regions(resource))]

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """Take it away; its subscriptions stay, without a topic."""
        return [call("pubsub", "topics", "delete", resource.id)]


class SubscriptionKind(PlainKind):
    """A subscription: pushed to a function, or kept for whoever looks."""

    schema = "pubsub.v1 Subscription"
    api = "pubsub.googleapis.com"
    fixed = frozenset({"topic"})
    whole = frozenset({"expirationPolicy"})

    def question(self, resource: Resource) -> GcloudCall:
        """All of the project."""
        return call("pubsub", "subscriptions", "list")

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it."""
        topic = f"--topic={resource.body['topic']}"
        return [call("pubsub", "subscriptions", "create", resource.id, topic, *_flags(resource))]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """All of it: of a group that is named in part, gcloud sets the rest to Google's values."""
        return [call("pubsub", "subscriptions", "update", resource.id, *_flags(resource))]

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """Take it away, with what waits on it."""
        return [call("pubsub", "subscriptions", "delete", resource.id)]


def _regions(resource: Resource) -> str:
    regions = resource.body["messageStoragePolicy"]["allowedPersistenceRegions"]
    return f"--message-storage-policy-allowed-regions={','.join(regions)}"


def _flags(resource: Resource) -> list[str]:
    body = resource.body
    flags = [
        f"--ack-deadline={body['ackDeadlineSeconds']}",
        f"--message-retention-duration={body['messageRetentionDuration']}",
        f"--expiration-period={body['expirationPolicy'].get('ttl', 'never')}",
    ]
    if push := body.get("pushConfig"):
        flags += [
            f"--push-endpoint={push['pushEndpoint']}",
            f"--push-auth-service-account={push['oidcToken']['serviceAccountEmail']}",
            f"--push-auth-token-audience={push['oidcToken']['audience']}",
        ]
    if pauses := body.get("retryPolicy"):
        flags += [
            f"--min-retry-delay={pauses['minimumBackoff']}",
            f"--max-retry-delay={pauses['maximumBackoff']}",
        ]
    if dead := body.get("deadLetterPolicy"):
        flags += [
            f"--dead-letter-topic={dead['deadLetterTopic']}",
            f"--max-delivery-attempts={dead['maxDeliveryAttempts']}",
        ]
    return flags
