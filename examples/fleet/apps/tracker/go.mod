module fleet.example.com/tracker

go 1.19
