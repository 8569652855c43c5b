"""PostgreSQL in the local stack: its files, its server, its databases."""
