"""Services called over HTTP: client, server, errors, tokens."""
