"""What hammerstone is compared with: methods for one question, caches, and strategies for a whole stream."""
