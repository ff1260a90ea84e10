"""One module for each way to confine made code; each is imported only when it is chosen."""
