"""A saga that is not declared as one."""
