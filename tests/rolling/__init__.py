"""Every process restarted in turn under load: no request fails without a word, no order is lost."""
