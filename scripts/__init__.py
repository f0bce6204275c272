"""The one command, `scripts/bot`, and what it needs."""
