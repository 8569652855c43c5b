"""The console: pages under `/console` where operators look at orders, and say what is to be done.

Pages are made on the server; small modules of our own keep them up to date by Server-Sent Events.
It reads by the same services and sagas as the REST API does, and does nothing that the API cannot.
"""
