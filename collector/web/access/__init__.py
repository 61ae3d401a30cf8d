"""Who may look and act: logins, names of this machine, the origin of requests."""
