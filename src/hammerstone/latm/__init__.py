"""The closed loop: tools made, verified, dispatched and used on a stream of requests (LATM)."""
