d/c.go
