"""The composition root of the workers: settings, services, queues, start and stop."""
