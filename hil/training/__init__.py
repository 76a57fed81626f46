"""Scripts that train the models that ship; they need the `train` extra (torch) and never fly."""
