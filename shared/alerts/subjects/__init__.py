"""What a tick's report tells, a subject a module."""
