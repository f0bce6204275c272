"""Variables of the original that this project was made from, each with its successor: none is
ignored in silence.
"""

from collections.abc import Mapping

SUCCESSORS: Mapping[str, str] = {
    "MODE": "BOT_MODE takes its place (paper or live)",
    "EXCHANGE": (
        "no longer needed: bitbank is the only exchange, and BOT_EXCHANGE__PUBLIC_URL its address"
    ),
    "DEPLOY_MODE": "BOT_STAGE takes its place (paper, stage-10, stage-50, live), beside BOT_MODE",
    "GCP_PROJECT_ID": "no longer needed: the functions know their project",
    "GCP_REGION": "no longer needed: the functions know their region",
}


def left_over(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each that is set; what it was set to is not told."""
    return [
        f"{name} is set and not read: {successor}"
        for name, successor in SUCCESSORS.items()
        if environ.get(name)
    ]
