"""What people see of the provider in a browser."""
