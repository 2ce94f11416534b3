"""What the commands do: which pictures they read, on how many cores, and how they answer."""
