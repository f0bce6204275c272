"""What `probe` says, and the doctor of it."""

SENTENCES = {
    "probe.named": (
        "This opens and closes one smallest position with real money. It can lose {loss} at the"
        " most, unless the price jumps more than 2 % beyond the stop. To begin, type: {words}"
    ),
    "probe.type": "Words",
    "probe.ended": "A probe that was killed is ended: {orders} orders of its, all flat. {note}",
    "probe.done": "Asked, and flat again: it cost {cost}, {requests} requests.",
    "probe.finding": "{question}: {choice} ({facts})",
    "probe.trouble": "Not all went well: {found}",
    "probe.never": "what no document says was never asked",
    "probe.ask": 'scripts/bot probe --why "..."',
    "probe.unfinished": "a probe of {who} was killed, and may have left something behind",
    "probe.seen": "asked at {at} by {who}: {readings}",
}
