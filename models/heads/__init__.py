"""What a bundle says besides its vote: the volatility that comes, and whether the vote's own trade pays."""
