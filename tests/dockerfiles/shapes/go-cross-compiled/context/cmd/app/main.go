cmd/app/main.go
