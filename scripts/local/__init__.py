"""What runs on this machine: the demo, paper trading, and the processes and schedule under both."""
