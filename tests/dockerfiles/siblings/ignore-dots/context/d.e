d.e
