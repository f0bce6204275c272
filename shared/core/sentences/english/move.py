"""A bot that goes from one store to another."""

SENTENCES = {
    "move.gone": "the bot has moved to {store}; here it does nothing any more",
    "move.arriving": "the bot is still being moved here from {store}",
    "move.go_there": "set BOT_STATE (and BOT_BUCKET) to {store}",
    "move.finish": "run the same `scripts/bot move` again on {store}: it goes on where it ended",
}
