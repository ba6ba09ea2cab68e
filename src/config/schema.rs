//! Every key of `longshore.yaml`: a table (name, type, default, one line of documentation).
