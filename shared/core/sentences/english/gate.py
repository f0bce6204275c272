"""What the gate found."""

SENTENCES = {
    "gate.may_not_serve": "It may not serve. Failed: {failed}.",
    "gate.may_enter": (
        "It may serve and it may enter: its edge out of sample, after costs, is above zero"
        " with room for luck."
    ),
    "gate.not_asked": (
        "It may serve but not enter: it predicts sanely, and nobody asked the gate for a proof."
    ),
    "gate.may_not_enter": (
        "It may serve but not enter: no edge is proven, which is the usual outcome. Failed:"
        " {failed}."
    ),
    "gate.champion_stays": "{verdict} The champion stays. Failed: {failed}.",
    "gate.under": "under {least}",
    "gate.barely_negative": "between 0 and -{least}",
    "gate.interval": "{low} .. {high}",
    "gate.note": "{meaning} ({threshold})",
    "gate.asked": "{kind} {threshold}: {meaning}",
    "gate.yes": "yes",
    "gate.no": "no",
    "gate.unlisted": "a check that is not listed",
    "gate.column.decides": "decides",
    "gate.column.check": "check",
    "gate.column.value": "value",
    "gate.column.interval": "interval",
    "gate.column.asked": "asked",
    "gate.column.passed": "passed",
    "gate.decides.serve": "may serve",
    "gate.decides.enter": "may enter",
    "gate.decides.champion": "takes over",
    "gate.decides.note": "nothing",
}
