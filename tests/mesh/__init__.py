"""Envoy between services: a real one, before stubs of instances."""
