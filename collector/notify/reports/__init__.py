"""Reports in words, pictures, HTML and on a terminal."""
