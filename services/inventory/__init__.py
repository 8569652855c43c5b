"""Products and stock: reserve, release, commit; no piece is ever sold twice."""
