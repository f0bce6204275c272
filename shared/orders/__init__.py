"""What the bot wants sent: planned here, purely, and the port of whoever carries it out."""
