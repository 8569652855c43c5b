"""`saga cost`: what each ending of each saga costs, counted in histories."""
