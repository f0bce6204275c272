"""Going live: what must agree before a bot enters with real money, who said so, and how far."""
