"""Backtests as jobs, worked off in slices inside requests."""
