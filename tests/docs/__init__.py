"""The documents: their commands run, and what they claim is so."""
