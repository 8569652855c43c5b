"""What an amount of money is: its currency, and how people read it."""
