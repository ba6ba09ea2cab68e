// Command opsml-server serves the user interface that lies beside it.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

// Written by the linker.
var version, flavor = "0.0.0", "glibc"

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Printf("opsml-server %s (%s)\n", version, flavor)
		return
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "alive in %s\n", os.Getenv("APP_ENV"))
	})
	http.Handle("/", http.FileServer(http.Dir("/app/ui/build")))
	log.Fatal(http.ListenAndServe(":"+os.Getenv("OPSML_SERVER_PORT"), nil))
}
