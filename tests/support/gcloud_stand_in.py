"""A program that stands in for gcloud where there is none, or no server for it: it keeps services,
jobs and secrets in a file, and a log of what it was told. `GCLOUD_STATE` names the file.
"""

import json
import os
import sys
from pathlib import Path

SCRIPT = '#!/bin/sh\nexec "{python}" "{this}" "$@"\n'


def install(folder: Path, **state: object) -> dict[str, str]:
    """Put it on a path of its own; the variables with which it is found.

    `tick_url`: where the deployed tick answers.
    """
    program = folder / "bin" / "gcloud"
    program.parent.mkdir(parents=True)
    program.write_text(SCRIPT.format(python=sys.executable, this=Path(__file__).resolve()))
    program.chmod(0o755)
    kept = {"services": {}, "jobs": {}, "secrets": {}, "log": [], "fail": "", **state}
    (folder / "gcloud.json").write_text(json.dumps(kept))
    return {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "GCLOUD_STATE": str(folder / "gcloud.json"),
    }


def answer(words: list[str], state: dict) -> object:  # noqa: PLR0911
    options = dict(one[2:].partition("=")[::2] for one in words if one.startswith("--"))
    plain = [one for one in words if not one.startswith("--")]
    state["log"].append(words)
    if state["fail"] and state["fail"] in " ".join(words):
        sys.exit(f"ERROR: (gcloud) {state['fail']} was refused")
    match plain:
        case ["run", "services", "list"]:
            return list(state["services"].values())
        case ["run", "services", "describe", name]:
            return state["services"][name]
        case ["run", "deploy", name]:
            return deploy(name, options, state)
        case ["run", "services", "update-traffic", name]:
            revision = options["to-revisions"].partition("=")[0]
            traffic = state["services"][name]["status"]["traffic"]
            tags = [one for one in traffic if "tag" in one]
            state["services"][name]["status"]["traffic"] = [
                {"revisionName": revision, "percent": 100},
                *tags,
            ]
            return state["services"][name]
        case ["secrets", "list"]:
            return [{"name": f"projects/p/secrets/{name}"} for name in state["secrets"]]
        case ["secrets", "versions", "list", name]:
            number = state["secrets"][name]
            return [{"name": f"projects/p/secrets/{name}/versions/{number}"}]
        case ["scheduler", "jobs", "list"]:
            return [
                {"name": f"projects/p/locations/r/jobs/{name}", "state": told}
                for name, told in state["jobs"].items()
            ]
        case ["scheduler", "jobs", "pause" | "resume" as action, name]:
            state["jobs"][name] = "PAUSED" if action == "pause" else "ENABLED"
            return None
    sys.exit(f"ERROR: (gcloud) it does not know {words}")


def deploy(name: str, options: dict[str, str], state: dict) -> object:
    source = Path(options["source"])
    manifest = json.loads((source / "manifest.json").read_text())
    assert manifest["function"] == name
    old = state["services"].get(name)
    assert old is not None or "no-traffic" not in options, "not supported for a new service"
    number = 1 if old is None else int(old["status"]["latestCreatedRevisionName"][-5:]) + 1
    revision = f"{name}-{number:05d}"
    environ = options["set-env-vars"].removeprefix("^|^").split("|")
    pairs = [dict(zip(("name", "value"), one.split("=", 1), strict=True)) for one in environ]
    labels = dict(one.split("=") for one in options["labels"].split(","))
    url = state["tick_url"] if name == "tick" else f"https://{name}.invalid"
    traffic = [{"revisionName": revision, "percent": 100}]
    if "no-traffic" in options:
        traffic = [one for one in old["status"]["traffic"] if "tag" not in one]
        traffic.append({"revisionName": revision, "tag": options["tag"], "url": url})
    state["services"][name] = {
        "metadata": {"name": name, "labels": labels},
        "spec": {"template": {"spec": {"containers": [{"env": pairs}]}}},
        "status": {
            "url": url,
            "latestCreatedRevisionName": revision,
            "latestReadyRevisionName": revision,
            "traffic": traffic,
        },
    }
    return state["services"][name]


def main() -> None:
    path = Path(os.environ["GCLOUD_STATE"])
    state = json.loads(path.read_text())
    told = answer(sys.argv[1:], state)
    path.write_text(json.dumps(state))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
