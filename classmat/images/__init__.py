"""What users hand in and take away: files, checks, trimaps, composites, metrics, scenes with exact mattes."""
