"""From a folder of photos to a data set that a person vouches for: projects, candidates, decisions, export."""
