"""``penstock replay``: a recorded request through any chain, in virtual time."""
