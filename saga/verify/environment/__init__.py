"""What a saga runs in while it is verified: Temporal, workers, PostgreSQL."""
