"""What every report is made of: the HTML page and its templates, and skeletons that move in it."""
