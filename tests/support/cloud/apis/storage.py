"""Buckets, their policies, and objects as `gcloud storage` and a source's upload use them."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import google_crc32c

from tests.support.cloud import policies
from tests.support.cloud.calls import Handler, Raw
from tests.support.cloud.routes import Call
from tests.support.cloud.state import Refusal, Resource, State, merged

_API = "https://www.googleapis.com/storage/v1/b"
_DOWNLOAD = "http://storage.fake/download/storage/v1/b"
_SEVEN_DAYS = {"retentionDurationSeconds": "604800"}


def _insert_bucket(call: Call, state: State) -> Any:
    told = dict(call.body)
    name = told["name"]
    now = state.now()
    access = told.get("iamConfiguration", {})
    bucket = {
        "kind": "storage#bucket",
        "id": name,
        "selfLink": f"{_API}/{name}",
        "projectNumber": state.number,
        "generation": str(state.next()),
        "metageneration": "1",
        "etag": state.etag(),
        "timeCreated": now,
        "updated": now,
        "locationType": "region",
        "storageClass": "STANDARD",
        "softDeletePolicy": {**_SEVEN_DAYS, "effectiveTime": now},
        **told,
        "location": told.get("location", "US").upper(),
        "iamConfiguration": _access(access, now),
    }
    if bucket["softDeletePolicy"].get("retentionDurationSeconds") != "0":
        bucket["softDeletePolicy"] = {"effectiveTime": now, **bucket["softDeletePolicy"]}
    state.add(f"storage/b/{name}", bucket)
    state.policies[f"storage/b/{name}"] = _born_policy(state)
    return bucket


def _access(told: Mapping[str, Any], now: str) -> Resource:
    uniform = dict(told.get("uniformBucketLevelAccess", {"enabled": False}))
    if uniform.get("enabled"):
        uniform.setdefault("lockedTime", now)
    return {
        "publicAccessPrevention": told.get("publicAccessPrevention", "inherited"),
        "uniformBucketLevelAccess": uniform,
        "bucketPolicyOnly": uniform,
    }


def _born_policy(state: State) -> Resource:
    """Owners and editors of the project may what their old roles say, until somebody changes it."""
    owners = [f"projectEditor:{state.project}", f"projectOwner:{state.project}"]
    return {
        "kind": "storage#policy",
        "version": 1,
        "etag": state.etag(),
        "bindings": [
            {"role": "roles/storage.legacyBucketOwner", "members": owners},
            {
                "role": "roles/storage.legacyBucketReader",
                "members": [f"projectViewer:{state.project}"],
            },
        ],
    }


def _get(call: Call, state: State) -> Any:
    found = state.read(call.key)
    if call.query.get("alt") == "media":
        return Raw(body=state.contents[call.key], type=found["contentType"])
    return found


def _list_buckets(call: Call, state: State) -> Any:
    prefix = call.query.get("prefix", "")
    found = [told for told in state.below("storage/b") if told["name"].startswith(prefix)]
    return {"kind": "storage#buckets", **({"items": found} if found else {})}


def _patch(call: Call, state: State) -> Any:
    old = state.read(call.key)
    _hold(call, old)
    new = merged(old, call.body or {})
    new["metageneration"] = str(int(old["metageneration"]) + 1)
    new["etag"], new["updated"] = state.etag(), state.now()
    if "iamConfiguration" in new:
        new["iamConfiguration"] = _access(new["iamConfiguration"], new["updated"])
    state.resources[call.key] = new
    return new


def _delete_bucket(call: Call, state: State) -> Any:
    state.read(call.key)
    if any(key.startswith(f"{call.key}/o/") for key in state.resources):
        raise Refusal(409, "The bucket you tried to delete is not empty.")
    state.remove(call.key)
    return Raw(status=204)


def _insert_object(call: Call, state: State) -> Any:
    bucket = call.resource.removesuffix("/o")
    state.read(f"storage/{bucket}")
    told = dict(call.body or {})
    name = call.query.get("name") or told["name"]
    key = f"storage/{bucket}/o/{name}"
    _hold(call, state.resources.get(key))
    data = call.media or b""
    crc = base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()
    if told.get("crc32c", crc) != crc:
        raise Refusal(400, f"Provided CRC32C {told['crc32c']} doesn't match calculated {crc}")
    now, generation = state.now(), str(10**15 + state.next())
    short = bucket.removeprefix("b/")
    state.resources[key] = {
        "kind": "storage#object",
        "contentType": "application/octet-stream",
        "storageClass": "STANDARD",
        **told,
        "id": f"{short}/{name}/{generation}",
        "name": name,
        "bucket": short,
        "selfLink": f"{_API}/{short}/o/{quote(name, safe='')}",
        "mediaLink": f"{_DOWNLOAD}/{short}/o/{quote(name, safe='')}?alt=media",
        "generation": generation,
        "metageneration": "1",
        "size": str(len(data)),
        "crc32c": crc,
        "md5Hash": base64.b64encode(hashlib.md5(data).digest()).decode(),
        "etag": state.etag(),
        "timeCreated": now,
        "updated": now,
    }
    state.contents[key] = data
    return state.resources[key]


def _layout(call: Call, state: State) -> Any:
    bucket = state.read(call.key.removesuffix("/storageLayout"))
    kept = {name: bucket[name] for name in ("location", "locationType")}
    return {"kind": "storage#storageLayout", "bucket": bucket["name"], **kept}


def _list_objects(call: Call, state: State) -> Any:
    """With `prefix` and `delimiter`, on one page."""
    state.read(f"storage/{call.resource.removesuffix('/o')}")
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    items, folders = [], set()
    for key in sorted(state.resources):
        name = key.removeprefix(f"{call.key}/")
        if name == key or not name.startswith(prefix):
            continue
        inside, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        if cut:
            folders.add(prefix + inside + cut)
        else:
            items.append(state.resources[key])
    told: Resource = {"kind": "storage#objects"}
    if items:
        told["items"] = items
    if folders:
        told["prefixes"] = sorted(folders)
    return told


def _no_folders(call: Call, state: State) -> Any:
    return {}


def _delete_object(call: Call, state: State) -> Any:
    _hold(call, state.read(call.key))
    state.remove(call.key)
    return Raw(status=204)


def _hold(call: Call, old: Resource | None) -> None:
    """412 where a precondition of the query does not hold."""
    for name, field in (("Generation", "generation"), ("Metageneration", "metageneration")):
        wanted = call.query.get(f"if{name}Match")
        if wanted is not None and wanted != (old[field] if old else "0"):
            raise Refusal(412, "At least one of the pre-conditions you specified did not hold.")


def _get_policy(call: Call, state: State) -> Any:
    bucket = call.resource.removesuffix("/iam")
    return {**policies.get_policy(call, state), "resourceId": f"projects/_/buckets/{bucket[2:]}"}


METHODS: Mapping[str, Handler] = {
    "storage.buckets.delete": _delete_bucket,
    "storage.buckets.get": _get,
    "storage.buckets.getIamPolicy": _get_policy,
    "storage.buckets.getStorageLayout": _layout,
    "storage.buckets.insert": _insert_bucket,
    "storage.buckets.list": _list_buckets,
    "storage.buckets.patch": _patch,
    "storage.managedFolders.list": _no_folders,
    "storage.objects.delete": _delete_object,
    "storage.objects.get": _get,
    "storage.objects.insert": _insert_object,
    "storage.objects.list": _list_objects,
    "storage.objects.patch": _patch,
}
