"""HTTP clients and servers, whatever they speak of."""
