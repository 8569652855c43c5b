"""A travel agency's saga on `temporal-saga`: a whole trip is booked, or nothing of it."""
