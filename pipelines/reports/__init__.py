"""Building blocks of the HTML reports: page, templates and animated skeletons."""
