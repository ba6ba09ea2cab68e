module opamp-server

go 1.25
