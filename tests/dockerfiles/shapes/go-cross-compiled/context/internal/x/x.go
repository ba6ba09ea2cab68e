internal/x/x.go
