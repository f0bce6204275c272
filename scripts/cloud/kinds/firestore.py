"""The database of documents, and its fields: indexed, exempt, or a time to live."""

from collections.abc import Sequence
from typing import Any

from scripts.cloud.comparing import FieldDifference
from scripts.cloud.kinds.kind import PlainKind, call
from scripts.cloud.resource import Body, FoundResource, GcloudCall, Resource

_SWITCHES = {
    "deleteProtectionState": ("delete-protection", "DELETE_PROTECTION_ENABLED"),
    "pointInTimeRecoveryEnablement": ("enable-pitr", "POINT_IN_TIME_RECOVERY_ENABLED"),
}


class DatabaseKind(PlainKind):
    """A Firestore database."""

    schema = "firestore.v1 GoogleFirestoreAdminV1Database"
    api = "firestore.googleapis.com"
    fixed = frozenset({"locationId", "type"})

    def question(self, resource: Resource) -> GcloudCall:
        """The database itself."""
        return call("firestore", "databases", "describe", f"--database={resource.id}")

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Make it where it is to stay for ever."""
        body = resource.body
        return [
            call(
                *("firestore", "databases", "create", f"--database={resource.id}"),
                f"--location={body['locationId']}",
                f"--type={body['type'].lower().replace('_', '-')}",
                *_switches(resource, body),
            )
        ]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """Its two switches."""
        paths = [one.path for one in differences]
        switches = _switches(resource, paths)
        return [call("firestore", "databases", "update", f"--database={resource.id}", *switches)]

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """With everything in it; its protection first."""
        database = f"--database={resource.id}"
        return [
            call("firestore", "databases", "update", database, "--no-delete-protection"),
            call("firestore", "databases", "delete", database),
        ]


class FieldKind(PlainKind):
    """A field of a collection group; `__default__` and `*` stand for all."""

    schema = "firestore.v1 GoogleFirestoreAdminV1Field"
    api = "firestore.googleapis.com"
    at_once = 1

    def question(self, resource: Resource) -> GcloudCall:
        """All fields with indexes of their own, or with a time to live; the rule for all alone."""
        database = f"--database={_place(resource)[0]}"
        if "ttlConfig" in resource.body:
            return call("firestore", "fields", "ttls", "list", database)
        if "/collectionGroups/__default__/" in resource.name:
            return call("firestore", "indexes", "fields", "describe", resource.id, *_at(resource))
        return call("firestore", "indexes", "fields", "list", database)

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """Indexes in the order of the data, for lists of them have none; each is of this field,
        whether the answer says so or not.
        """
        found = super().resource_body(resource, answer)
        if found is None or "indexes" not in found.get("indexConfig", {}):
            return found
        config = found["indexConfig"]
        told = [
            {**one, "fields": [{"fieldPath": resource.id, **field} for field in one["fields"]]}
            for one in sorted(config["indexes"], key=lambda one: str(one["fields"][0].get("order")))
        ]
        return {**found, "indexConfig": {**config, "indexes": told}}

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Every field is there from the start; what is set is only what differs from the rule."""
        if "ttlConfig" in resource.body:
            return [
                call("firestore", "fields", "ttls", "update", resource.id).adding(
                    *_at(resource), "--enable-ttl", "--async"
                )
            ]
        ways = [one["fields"][0]["order"].lower() for one in _indexes(resource)]
        told = [f"--index=order={way}" for way in ways] or ["--disable-indexes"]
        update = call("firestore", "indexes", "fields", "update", resource.id, *_at(resource))
        return [update.adding(*told, "--async")]

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """Set it anew."""
        return self.create_calls(resource)

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """Nothing: they go with the database."""
        return []


def _switches(resource: Resource, names: Any) -> list[str]:
    return [
        f"--{flag}" if resource.body[name] == on else f"--no-{flag}"
        for name, (flag, on) in _SWITCHES.items()
        if name in names
    ]


def _indexes(resource: Resource) -> Sequence[Any]:
    indexes: Sequence[Any] = resource.body["indexConfig"]["indexes"]
    return indexes


def _place(resource: Resource) -> tuple[str, str]:
    """Its database and its collection group."""
    pieces = resource.name.split("/")
    return pieces[3], pieces[5]


def _at(resource: Resource) -> tuple[str, str]:
    database, collection = _place(resource)
    return f"--database={database}", f"--collection-group={collection}"
