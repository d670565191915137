"""Scripts that measure, and the simulator that they share with the tests."""
