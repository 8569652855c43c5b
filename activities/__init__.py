"""Thin adapters from a saga's steps to the services, which are injected as Protocols."""
