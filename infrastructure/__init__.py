"""Technical parts that the services share. Nothing here knows an order."""
