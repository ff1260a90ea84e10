"""What hammerstone is compared with: other ways to answer one question, caches, and strategies for a whole stream."""
