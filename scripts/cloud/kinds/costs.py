"""What the project may cost before somebody is told."""

from collections.abc import Sequence
from typing import Any

from scripts.cloud.comparing import FieldDifference
from scripts.cloud.kinds.kind import PlainKind, call
from scripts.cloud.kinds.watching import google_name, shown_as
from scripts.cloud.resource import Body, FoundResource, GcloudCall, Resource


class BudgetKind(PlainKind):
    """A budget of the billing account. Google gives it its name: ours is the one it is shown by."""

    schema = "billingbudgets.v1 GoogleCloudBillingBudgetsV1Budget"
    api = "billingbudgets.googleapis.com"

    def question(self, resource: Resource) -> GcloudCall:
        """All of the billing account."""
        return call("billing", "budgets", "list", f"--billing-account={_account(resource)}")

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """By what it is shown as."""
        return shown_as(resource.body["displayName"], answer)

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it."""
        create = call("billing", "budgets", "create", f"--billing-account={_account(resource)}")
        rules = [f"--threshold-rule=percent={share}" for share in _shares(resource)]
        return [create.adding(*_flags(resource), *rules)]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """All of it."""
        name = google_name(resource, found)
        rules = [f"--add-threshold-rule=percent={share}" for share in _shares(resource)]
        update = call("billing", "budgets", "update", name, *_flags(resource))
        if any(one.path.startswith("thresholdRules") for one in differences):
            # gcloud adds rules or clears them, not both in one call.
            return [update.adding("--clear-threshold-rules"), update.adding(*rules)]
        return [update]

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """By the name that Google gave it."""
        return [call("billing", "budgets", "delete", google_name(resource, found))]


def _account(resource: Resource) -> str:
    return resource.name.split("/")[1]


def _shares(resource: Resource) -> list[float]:
    return [one["thresholdPercent"] for one in resource.body["thresholdRules"]]


def _flags(resource: Resource) -> list[str]:
    body = resource.body
    amount = body["amount"]["specifiedAmount"]
    return [
        f"--display-name={body['displayName']}",
        f"--budget-amount={amount['units']}{amount['currencyCode']}",
        f"--filter-projects={','.join(body['budgetFilter']['projects'])}",
        f"--notifications-rule-pubsub-topic={body['notificationsRule']['pubsubTopic']}",
    ]
