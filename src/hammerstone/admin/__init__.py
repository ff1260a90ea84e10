"""What a person does with a home: the same behind the command line and behind HTTP."""
