"""What operators do with sagas: `saga …`, and the same as `temporal saga …`.

Each command is a module with one function; `app` puts them together. What they read comes from
Temporal, by its own settings, and from the REST API.
"""
