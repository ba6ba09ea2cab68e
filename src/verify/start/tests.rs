//! Images and what is said of them.
