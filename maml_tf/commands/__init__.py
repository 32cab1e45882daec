"""Commands of `maml-tf`, one file each."""
