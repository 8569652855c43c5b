"""What else can go wrong with a saga of orders: others who meet it, restores, the provider."""
