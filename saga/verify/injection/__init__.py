"""How faults strike: attempts, workers, workflows, and the people of a run."""
