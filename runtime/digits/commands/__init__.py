"""What the commands do, apart from parsing the command line."""
