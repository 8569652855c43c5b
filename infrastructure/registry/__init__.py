"""Which instances of each service there are, for whoever leads requests to them.

An instance registers when it is ready, renews its lease, and takes itself off the list when it is
told to stop. One that is killed or hangs is dropped when its lease ends, or when it fails its
health check, whichever comes first.

`registry` is the interface. `postgres` is the list that the local stack keeps; in containers DNS
knows who there is, and nothing registers.
"""
