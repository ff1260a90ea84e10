"""What the gateway shows of itself: metrics, traces, a log of requests, and whether its parts work."""
