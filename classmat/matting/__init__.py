"""(image, trimap) -> alpha, and foreground estimation: one method a file."""
