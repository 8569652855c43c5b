"""`saga deploy`: a new version of the workers beside the old one, more and more orders to it."""
