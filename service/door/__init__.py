"""The door to MLflow: its pages and its REST API at /mlflow, for whoever has a token of this service."""
