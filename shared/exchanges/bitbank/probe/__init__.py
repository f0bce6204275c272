"""What no document of bitbank says, asked once with the smallest order there is."""
