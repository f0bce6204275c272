"""The one library of the system that the learners need. Nothing but the standard library."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.installation.environments import LaunchError, say


def ensure_openmp() -> None:
    """LightGBM needs the system's OpenMP library: install it as root on Debian, else name its
    package.
    """
    if sys.platform == "darwin":
        homes = ("/opt/homebrew/opt/libomp", "/usr/local/opt/libomp")
        if not any(Path(home).exists() for home in homes):
            raise LaunchError(
                "LightGBM needs the library libomp, which is not here", "brew install libomp"
            )
        return
    if has_library("libgomp.so.1"):
        return
    apt = shutil.which("apt-get")
    if apt is not None and os.geteuid() == 0:
        say("installing the system library libgomp1")
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        package = ["install", "--no-install-recommends", "libgomp1"]
        for step in (package, ["update"], package):
            subprocess.run([apt, "-qq", "-y", *step], check=False, capture_output=True, env=environ)
            if has_library("libgomp.so.1"):
                return
    raise LaunchError(
        "LightGBM needs the system library libgomp, which is not here",
        "install it (Debian, Ubuntu: apt-get install libgomp1; Fedora: dnf install libgomp; Alpine:"
        " apk add libgomp)",
    )


def has_library(name: str) -> bool:
    """Whether the dynamic linker finds a library."""
    import ctypes

    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
