"""What each service promises, whatever stands behind its Protocol."""
