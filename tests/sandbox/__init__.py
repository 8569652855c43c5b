"""Tests of the sandbox provider, from outside: over HTTP, against a process."""
