// Command beacon serves the lamps of lighthouses from files inside of it: GET /health and /lamps/NAME.json.
package main

import (
	"embed"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

//go:embed lamps
var lamps embed.FS

// Written by the linker.
var version = "0.0.0"

func main() {
	address := "0.0.0.0:8200"
	if given := os.Getenv("FLEET_LISTEN"); given != "" {
		address = given
	}
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("fleet-beacon " + version)
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "--check" {
		client := http.Client{Timeout: 2 * time.Second}
		answer, err := client.Get("http://127.0.0.1" + address[strings.LastIndex(address, ":"):] + "/health")
		if err != nil || answer.StatusCode != http.StatusOK {
			log.Fatalf("not healthy: %v", err)
		}
		return
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "{\"status\": \"ok\", \"version\": %q}\n", version)
	})
	http.Handle("/lamps/", http.FileServer(http.FS(lamps)))
	fmt.Println("listening on http://" + address)
	log.Fatal(http.ListenAndServe(address, nil))
}
