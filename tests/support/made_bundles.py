"""Bundles that are complete as far as the registry looks; whether they are a model is the loader's
question.
"""

import hashlib
import json

from shared.model.registry import BundleRegistry
from shared.stores.ports import Bucket

WHY = {"why": "a test", "by": "test"}
DAY = 86_400_000


def made(name: str, *, as_of: int = 0) -> dict[str, bytes]:
    """Files whose manifest says when the data ended; the seal comes first, so that nobody seals
    last by chance.
    """
    kept = {"model.npz": f"model of {name}".encode(), "card.md": b"# card", "xgb.ubj": b"trees"}
    listed = {
        file: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for file, data in kept.items()
    }
    manifest = json.dumps({"files": listed, "as_of": as_of}).encode()
    return {"manifest.sig": name.encode(), **kept, "manifest.json": manifest}


def filled(bucket: Bucket, *names: str) -> BundleRegistry:
    """A registry with these bundles, each a day younger than the one before."""
    registry = BundleRegistry(bucket)
    for number, name in enumerate(names):
        registry.publish(name, made(name, as_of=number * DAY))
    return registry
