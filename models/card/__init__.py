"""What a bundle says of itself in words and pictures."""
