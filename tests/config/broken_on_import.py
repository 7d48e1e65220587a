"""A module that cannot be imported; what it says is nobody's business."""

raise RuntimeError("sk-secret")
