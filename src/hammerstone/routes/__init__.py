"""The routes by which a request is answered."""
