"""Programs that are measured: each runs sagas in a process of its own when told to on a socket."""
