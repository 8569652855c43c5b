"""Who may use the console, and that it is they who do."""
