"""What is measured: our saga, its REST front end, and its peers."""
