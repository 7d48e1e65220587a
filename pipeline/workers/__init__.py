"""Several processes behind one port: a supervisor that keeps them alive, and what they tell each other.

Nothing of this is imported where one process serves alone, but for ``colleagues``.
"""
