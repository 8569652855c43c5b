"""The restore drill: one database of five goes back to an earlier moment, amid orders."""
