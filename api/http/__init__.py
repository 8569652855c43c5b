"""What HTTP asks of the API whatever is asked for: limits, negotiation, problems, streams."""
