"""Sagas as a newcomer might write them wrongly; the linter stops each."""
