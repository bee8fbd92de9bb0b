"""A simulated Microsoft 365 tenant: login, Graph, the pre-authenticated hosts and a door to control it."""
