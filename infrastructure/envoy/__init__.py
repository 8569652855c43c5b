"""Envoy's configuration, made here alone: `edge` is the gateway, `parts` what any use of Envoy has.

Envoy reads JSON; a configuration is a dictionary until it is written. What may be chosen is in
`settings`. Field names and defaults are those of Envoy's v3 API, tried with version 1.40.
"""
