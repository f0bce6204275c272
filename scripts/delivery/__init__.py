"""What goes to the cloud: which code a function reaches, its staged tree, and its deployment."""
