"""Orders as the API tells of them and takes them."""
