"""Where things are kept: `ports` says what a store is, one module an adapter. Nothing is imported here that a tick may not need."""
