"""The sagas of this application as subjects of `saga verify`, and the world that they run in."""
