"""The payment provider: Stripe's PaymentIntents, its answers and its errors."""
