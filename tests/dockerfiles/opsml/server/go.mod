module opsml.example.com/server

go 1.19
