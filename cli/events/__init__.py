"""`saga events`: looks after the event store, its projections and the bus."""
