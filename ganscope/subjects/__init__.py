"""What runs under the probe: from what a user names to live modules with their inputs."""
