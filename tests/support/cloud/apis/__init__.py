"""What is special in each API, by the id of Google's method."""
