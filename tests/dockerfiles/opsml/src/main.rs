// Never compiled: the executables are there already, made out of server/.
fn main() {}
