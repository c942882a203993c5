"""The command line, one file for each kind of need; imported only when its command is called."""
