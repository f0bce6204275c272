"""The demo's sandbox: `bot sandbox` as a process of its own, so that the tick has the
other core.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from scripts.local.children import Child, ChildDied
from scripts.local.demo.plan import DemoPlan

PATIENCE_SECONDS = 120.0


class DemoExchange:
    """A running sandbox with a stepped clock that whoever sleeps moves forward."""

    def __init__(
        self, plan: DemoPlan, *, clock_at: int, environ: Mapping[str, str], log_path: Path
    ) -> None:
        """Start it with its clock at `clock_at`, and wait until it listens. Raises `ChildDied`."""
        begins = datetime.fromtimestamp(clock_at / 1000, UTC).isoformat()
        words = [
            "--json",
            "--port",
            "0",
            "--clock",
            "stepped",
            "--policy",
            "auto",
            "--from",
            begins,
        ]
        words += ["--seed", str(plan.market.seed)]
        if plan.file is not None:
            words += ["--candles", str(plan.file.absolute())]
            words += [] if plan.timezone is None else ["--timezone", plan.timezone]
        else:
            words += [
                "--edge",
                repr(plan.market.edge_bp),
                "--days",
                repr(plan.history_days),
                "--ahead",
                repr(plan.ahead_days),
            ]
        self.child = Child(
            "sandbox",
            "scripts.cli",
            ["sandbox", *words],
            environ=environ,
            log_path=log_path,
        )
        try:
            self.url = self._url(log_path)
        except BaseException:
            self.child.stop()
            raise

    def settings(self) -> dict[str, str]:
        """The environment that points a bot at it."""
        return {
            "BOT_EXCHANGE__PUBLIC_URL": self.url,
            "BOT_EXCHANGE__PRIVATE_URL": f"{self.url}/v1",
            "BOT_CLOCK": self.url,
        }

    def _url(self, log_path: Path) -> str:
        limit = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < limit:
            self.child.check()
            for line in log_path.read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(ValueError):
                    told = json.loads(line)
                    if isinstance(told, dict) and "url" in told:
                        return str(told["url"])
            time.sleep(0.05)
        raise ChildDied(
            f"the sandbox did not start within {PATIENCE_SECONDS:.0f} s",
            last_lines=self.child.last_lines(),
        )
