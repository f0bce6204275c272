"""Which code this is: part of every bundle's name."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def code_commit(environ: Mapping[str, str], root: Path = ROOT) -> str:
    """The commit of the code: from git, with `-changed` where the tree differs from it; else
    COMMIT_SHA; else `unknown`.
    """
    git = shutil.which("git")
    if git is not None and (root / ".git").exists():
        head = subprocess.run(  # noqa: S603 - git, and words of ours
            [git, "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False
        )
        if head.returncode == 0:
            same = subprocess.run(  # noqa: S603 - git, and words of ours
                [git, "diff", "--quiet", "HEAD"], cwd=root, capture_output=True, check=False
            )
            return head.stdout.strip() + ("-changed" if same.returncode else "")
    return environ.get("COMMIT_SHA", "") or "unknown"
