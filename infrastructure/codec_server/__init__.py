"""The codec server: decrypts payloads for the Web UI and the Temporal CLI, for who may read."""
