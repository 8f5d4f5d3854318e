"""What the commands of jobs, services and worker pools share: flags of containers, and what they change."""
