"""A bot that goes from one store to another."""

SENTENCES = {
    "move.gone": "the bot has moved to {store}; here it does nothing any more",
    "move.arriving": "the bot is still being moved here from {store}",
    "move.go_there": "set BOT_STATE (and BOT_BUCKET) to {store}",
    "move.claimed": "the {side} side of that account is {bot}'s in the other store",
    "move.leased": "a tick works on the bot's account now",
    "move.open_intent": (
        "the order {intent} is open; run a tick, and where it stays so, settle it by name"
    ),
    "move.entry_rests": "an entry rests in the market; run a tick first",
    "move.not_empty": "{store} is not empty of this bot: it holds {what}",
    "move.other_pointer": (
        "another model serves from that bucket ({key}); choose an empty one, or leave --bucket-to"
        " away"
    ),
    "move.unequal": "not all of it arrived: {what}",
    "move.overtaken": "a tick or a person was faster; nothing is lost",
    "move.unhalted": "the control document is gone; somebody took it away",
    "move.told": "the bot {bot} to {store}",
    "move.again": "run the same command again in a moment: it goes on where it ended",
    "move.count": "{what}: {source} at the source, {target} arrived",
    "move.done": "Bot {bot} has moved from {source} to {target}; it is halted.",
    "move.next": (
        "Next: stop the schedule of the old one, set {target}, run `scripts/bot doctor`, then"
        " `scripts/bot resume`."
    ),
    "move.finish": "run the same `scripts/bot move` again on {store}: it goes on where it ended",
}
