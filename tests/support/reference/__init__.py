"""The pages of `docs/reference/` that are made of the code.

`python -m tests.support.reference` (`make reference`) writes them anew;
`tests/docs/test_reference.py` fails while they are not what the code says.
"""
