a/.h
