"""Child processes: started, watched, started again, and ended with all below them."""
