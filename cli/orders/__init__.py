"""`saga order` and `saga user`: by the REST API."""
