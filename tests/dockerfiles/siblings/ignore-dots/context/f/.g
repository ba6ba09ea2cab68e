f/.g
