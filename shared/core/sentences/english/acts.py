"""What `flatten`, `settle` and `adopt` have ordered, and what came of it."""

SENTENCES = {
    "acts.flatten": "Bot {bot} closes all that it holds, ordered at {at} by {who}: {why}",
    "acts.flatten_meaning": (
        "It is halted too; every tick tries again, until `scripts/bot resume` takes both back."
    ),
    "acts.tick_ran": "The tick {tick} was called and ended {status}.",
    "acts.tick_failed": "The tick could not be called: {why}",
    "acts.tick_here": "A tick was run here instead: {why}.",
    "acts.tick_waits": "The order stands: the next scheduled tick carries it out.",
    "acts.tick_refused": "the function at {url} did not answer that it ran",
    "acts.sent": "{what} {purpose} {side} {size}: {outcome}",
    "acts.flat": "Nothing is held.",
    "acts.still_held": "Still held: {what}. The next tick tries again.",
    "acts.unread": "What is held could not be read; the next tick tries again.",
    "acts.position": "{side} {size} at {price}",
    "acts.open_intent": (
        "order {intent}: {purpose} {side} {size}, written at {at}; nobody knows what came of it"
    ),
    "acts.settle_how": (
        "look at the exchange, then: scripts/bot settle {intent} --found ORDER_ID --why TEXT, or"
        " --absent"
    ),
    "acts.settled_found": ("{intent} is the order {order_id}: the next tick follows and books it."),
    "acts.settled_absent": "{intent} never came to the exchange; it blocks nothing any more.",
    "acts.adopted": (
        "Bot {bot} takes over {side} {size} at {price}: the next tick books it and gives it a stop."
    ),
    "acts.forgot": (
        "Bot {bot} forgets {side} {size}, gone at {price}: the next tick books it as closed."
    ),
}
