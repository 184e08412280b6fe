"""The service: sweeps, their queue and their studies, over REST. Never imports torch or the worker."""
