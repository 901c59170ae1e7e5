"""What replaces the cloud on a laptop: a real PostgreSQL and an AWS emulator."""
