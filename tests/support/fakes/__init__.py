"""The four services in memory, for tests that need them quick: what the contract says, no more.

`tests/contracts` runs the same suites over these and over the real ones.
"""
