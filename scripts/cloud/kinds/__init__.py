"""Kinds of resources: what gcloud is asked and told for each."""

from collections.abc import Mapping
from types import MappingProxyType

from scripts.cloud.kinds.accounts import ApiKind, ServiceAccountKind
from scripts.cloud.kinds.buckets import BucketKind
from scripts.cloud.kinds.builds import ImagesKind, TriggerKind
from scripts.cloud.kinds.costs import BudgetKind
from scripts.cloud.kinds.firestore import DatabaseKind, FieldKind
from scripts.cloud.kinds.kind import ResourceKind
from scripts.cloud.kinds.rights import RightsKind
from scripts.cloud.kinds.schedules import ScheduleKind
from scripts.cloud.kinds.secrets import SecretKind, ValueKind
from scripts.cloud.kinds.topics import SubscriptionKind, TopicKind
from scripts.cloud.kinds.watching import ChannelKind, LogsKind, MetricKind, PolicyKind

KINDS: Mapping[str, ResourceKind] = MappingProxyType(
    {
        "api": ApiKind(),
        "account": ServiceAccountKind(),
        "rights": RightsKind(),
        "database": DatabaseKind(),
        "field": FieldKind(),
        "bucket": BucketKind(),
        "secret": SecretKind(),
        "value": ValueKind(),
        "topic": TopicKind(),
        "subscription": SubscriptionKind(),
        "schedule": ScheduleKind(),
        "channel": ChannelKind(),
        "metric": MetricKind(),
        "policy": PolicyKind(),
        "logs": LogsKind(),
        "budget": BudgetKind(),
        "images": ImagesKind(),
        "trigger": TriggerKind(),
    }
)
"""Every kind by its word in the data."""
