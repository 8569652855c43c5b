"""Events from outbox to inbox: relay, buses, subscriptions."""
