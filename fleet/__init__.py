"""Workers on a Ray cluster, as many as the queue needs; only the command line may import this."""
