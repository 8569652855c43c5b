"""Tests of the payment service on real parts: PostgreSQL and a sandbox process."""
