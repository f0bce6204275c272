"""What a deployment is told of, for tests."""

from dataclasses import replace
from pathlib import Path

from scripts.delivery.deployment import JOBS, ORDER, DeployedCloud, DeployedService
from scripts.delivery.specs import Release

TREES = Path("/trees")
RELEASE = Release(
    project="demo-project",
    region="asia-northeast1",
    stage="paper",
    commit="3f2a" * 10,
    epoch=1_780_000_000,
    code="c0de" * 4,
    settings={"BOT_BUNDLE_PUBLIC_KEY": "ab" * 32, "BOT_PROFILE": "loose"},
    versions={"DISCORD_WEBHOOK_URL": "3", "BOT_BUNDLE_SIGNING_KEY": "1"},
)
LIVE = replace(
    RELEASE,
    stage="stage-10",
    settings={**RELEASE.settings, "BOT_CAPITAL_JPY": "300000"},
    versions={**RELEASE.versions, "BITBANK_API_KEY": "7", "BITBANK_API_SECRET": "8"},
)
NOTHING = DeployedCloud(services={}, jobs=())


def deployed(*functions: str, stage: str = "paper", code: str = RELEASE.code) -> DeployedCloud:
    """These functions deployed at revision 1, all jobs running."""
    return DeployedCloud(
        services={
            name: DeployedService(
                url=f"https://{name}-x.run.app",
                revision=f"{name}-00001",
                newest=f"{name}-00001",
                labels={"stage": stage, "code": code, "commit": "0ld"},
                environ={},
                tags={},
            )
            for name in functions or ORDER
        },
        jobs=JOBS,
    )
