"""What stands and drives in a street, one file per kind."""
