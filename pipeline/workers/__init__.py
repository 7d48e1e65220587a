"""Several processes behind one port: a supervisor that keeps them alive, and what they tell each other.

Where one process serves alone, only ``colleagues`` and ``portion`` are imported, and do nothing.
"""
