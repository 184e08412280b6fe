"""The worker: trains the runs that the service hands out."""
