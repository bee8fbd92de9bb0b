"""The vault station: pages and big parts as blobs. The truth."""
