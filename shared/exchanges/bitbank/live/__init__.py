"""The bot's own account at bitbank: read whole, reckoned up, traded on."""
