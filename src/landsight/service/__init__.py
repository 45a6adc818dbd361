"""HTTP: the same answers for programs and for the page, from this machine alone. Needs the extra [serve]."""
