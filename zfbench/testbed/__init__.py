"""The in-silico larva: stimulus, retina, circuit, bouts, spinal cord and body in closed loop, at 1 ms."""
