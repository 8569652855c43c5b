"""Temporal as docker-compose.yml configures it: its real server, on PostgreSQL."""
