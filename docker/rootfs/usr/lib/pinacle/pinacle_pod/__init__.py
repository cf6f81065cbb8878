"""The inside of a pod: services, routing and run-once steps, driven by the daemon through `pinacle-pod`."""
