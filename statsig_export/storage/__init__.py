"""The partition files, in a folder or a bucket."""
