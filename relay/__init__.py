"""The process that takes events from the services' outboxes to the bus. Several may run."""
