//! Answers that the rehearsal's registry does not give, from servers that say one thing.
