"""The REST front end: orders, sagas, users, products, payments, health."""
