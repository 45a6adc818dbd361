"""Reports: one self-contained HTML page, its plots and its small pictures. A verb makes ``Section``s; ``page.render`` makes the page."""
