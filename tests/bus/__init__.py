"""The bus, the relay and the inbox: one suite on PostgreSQL and on NATS."""
