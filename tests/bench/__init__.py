"""What the gateway costs: CPU, time to first event and memory beside a pass-through that does nothing, in the same run."""
