"""What is done beside the ticks, every few minutes."""
