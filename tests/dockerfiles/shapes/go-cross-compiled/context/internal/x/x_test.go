internal/x/x_test.go
