"""One trading cycle, started by Cloud Scheduler every 3 minutes."""
