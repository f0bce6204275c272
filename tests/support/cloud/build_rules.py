"""What is wrong with a build of Cloud Build: by Google's own schema, and by what no schema says."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.cloud.discovery import errors_of

BUILT_IN = frozenset({"PROJECT_ID", "COMMIT_SHA", "BUILD_ID", "LOCATION", "PROJECT_NUMBER"})
LONGEST_SECONDS = 86_400
ALLOWED_BUILDERS = ("gcr.io/google.com/cloudsdktool/google-cloud-cli",)


def faults_of_build(build: Mapping[str, Any]) -> list[str]:
    """Sentences, one for each mistake."""
    faults = errors_of("cloudbuild.v1", "Build", build)
    if faults:
        return faults
    return [
        *_substitutions(build),
        *_order(build),
        *_times(build),
        *_who(build),
        *_builders(build),
        *_gate(build),
    ]


def _substitutions(build: Mapping[str, Any]) -> Iterator[str]:
    declared = set(build.get("substitutions", {}))
    used: set[str] = set()
    for text in _texts({name: told for name, told in build.items() if name != "substitutions"}):
        plain = text.replace("$$", "")
        found = re.findall(r"\$\{(\w+)\}|\$(\w+)", plain)
        used |= {one or other for one, other in found}
        if "$" in re.sub(r"\$\{\w+\}|\$\w+", "", plain):
            yield f"a lone $ in {text[:30]!r}: write $$"
    for name in sorted(used - declared - BUILT_IN):
        yield f"the substitution {name} is not declared"
    for name in sorted(declared - used):
        yield f"the substitution {name} is not used"
    for name in sorted(declared):
        if not re.fullmatch(r"_[A-Z0-9_]+", name):
            yield f"the substitution {name} must begin with _ and be in capitals"


def _order(build: Mapping[str, Any]) -> Iterator[str]:
    known: list[str] = []
    for step in build["steps"]:
        if "id" not in step:
            yield "a step has no id"
            continue
        if step["id"] in known:
            yield f"two steps are called {step['id']}"
        for name in step.get("waitFor", []):
            if name != "-" and name not in known:
                yield f"{step['id']} waits for {name}, which is no step before it"
        known.append(step["id"])


def _times(build: Mapping[str, Any]) -> Iterator[str]:
    whole = _seconds(build.get("timeout", "3600s"))
    if whole > LONGEST_SECONDS:
        yield "the build may take longer than a day"
    total = 0.0
    for step in build["steps"]:
        if "timeout" not in step:
            yield f"{step.get('id')} has no time limit"
        total += _seconds(step.get("timeout", "0s"))
    if total > whole:
        yield f"the steps may take {total:g} s, the build {whole:g} s"


def _who(build: Mapping[str, Any]) -> Iterator[str]:
    if not re.search(r"/bot-deploy@", build.get("serviceAccount", "")):
        yield "the build has no account of its own"
    if build.get("options", {}).get("logging") != "CLOUD_LOGGING_ONLY":
        yield "a build with an account of its own must log with CLOUD_LOGGING_ONLY"
    for step in build["steps"]:
        if "--allow-unauthenticated" in " ".join(step.get("args", [])):
            yield f"{step.get('id')} makes a function public"


def _builders(build: Mapping[str, Any]) -> Iterator[str]:
    given = build.get("substitutions", {})
    for step in build["steps"]:
        name = re.sub(r"\$\{(\w+)\}", lambda found: given.get(found[1], ""), step["name"])
        image = re.split(r"[:@]", name, maxsplit=1)
        if image[0] not in ALLOWED_BUILDERS:
            yield f"{step.get('id')} runs in {name}, which is no builder of ours"
        elif not re.search(r"@sha256:[0-9a-f]{64}$|:\d+\.\d+\.\d+-emulators$", name):
            yield f"{step.get('id')} runs in {name}, which may be another one tomorrow"


def _gate(build: Mapping[str, Any]) -> Iterator[str]:
    """The last step deploys, waits for all that may fail, and asks each whether it passed."""
    *before, last = build["steps"]
    if "deploy" not in last.get("args", []):
        yield "the last step does not deploy"
    for step in before:
        name = step.get("id")
        touches = f"touch passed/{name}" in " ".join(step.get("args", []))
        if not step.get("allowFailure"):
            continue
        if not touches:
            yield f"{name} leaves no word that it passed"
        if name not in last.get("waitFor", []):
            yield f"the deployment does not wait for {name}"
        if f"--require=passed/{name}" not in last.get("args", []):
            yield f"the deployment does not ask whether {name} passed"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))
