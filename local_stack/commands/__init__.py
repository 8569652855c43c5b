"""`saga up`, `down`, `status` and `doctor`."""
