"""One module for each way to confine generated code; each is imported only when it is chosen."""
