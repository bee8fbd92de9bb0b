"""Station Work: tickets on queues."""
