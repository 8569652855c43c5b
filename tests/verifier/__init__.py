"""The verifier passes what is right, and fails what is wrong."""
