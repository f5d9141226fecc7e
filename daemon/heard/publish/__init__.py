"""The publish socket: numbers, completes, journals and publishes what the other stages say."""
