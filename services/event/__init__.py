"""What becomes of published events: the bus's log, consumers' inboxes, dead letters."""
