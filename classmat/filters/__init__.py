"""Image -> image: box, guided, resize, blur."""
