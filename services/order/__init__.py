"""Orders, event-sourced, with a read model kept in the same transaction."""
