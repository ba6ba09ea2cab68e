//! HEAD, tags, remote and files of a git repository, asked of the git program.
