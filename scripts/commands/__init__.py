"""One module a command, each with a `command`; `scripts.cli` imports one when it runs."""
