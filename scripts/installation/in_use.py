"""Who uses an environment holds a shared lock on a file in it, as long as the process lives; what
is held is not cleared.
"""

import fcntl
import os
from pathlib import Path

NAME = "in-use.lock"


def hold(environment: Path) -> bool:
    """Hold an environment until this process ends, also through an `exec`; whether it may be used.

    It may not where somebody clears it. A folder that cannot be written to is not cleared by
    whoever runs this.
    """
    try:
        held = os.open(environment / NAME, os.O_RDONLY | os.O_CREAT, 0o666)
    except OSError:
        return environment.is_dir()
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return False
    os.set_inheritable(held, True)
    return True


def hold_alone(environment: Path) -> bool:
    """Whether nobody holds an environment; from then on nobody can, until this process ends."""
    try:
        held = os.open(environment / NAME, os.O_RDONLY | os.O_CREAT, 0o666)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
