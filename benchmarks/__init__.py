"""What a saga costs, measured beside its peers in one run; see docs/performance.md."""
