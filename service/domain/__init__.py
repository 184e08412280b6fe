"""What the service does, as functions that take a session first and never commit."""
