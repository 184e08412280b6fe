"""What travels between client, service and worker: every request and response type, declared once."""
