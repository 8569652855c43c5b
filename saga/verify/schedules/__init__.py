"""Which schedules of faults there are for a saga, and what they are made of."""
