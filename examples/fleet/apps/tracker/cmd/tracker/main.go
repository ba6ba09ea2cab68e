// Command tracker answers where the ships of the register are: GET /health and /positions.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"fleet.example.com/tracker/internal/course"
)

//go:embed version.txt
var version string

func main() {
	version = strings.TrimSpace(version)
	address := "0.0.0.0:8100"
	if given := os.Getenv("FLEET_LISTEN"); given != "" {
		address = given
	}
	switch {
	case len(os.Args) == 2 && os.Args[1] == "--version":
		fmt.Println("fleet-tracker " + version)
	case len(os.Args) == 2 && os.Args[1] == "--check":
		check(address[strings.LastIndex(address, ":"):])
	default:
		serve(address, os.Getenv("FLEET_REGISTER"))
	}
}

func check(port string) {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get("http://127.0.0.1" + port + "/health")
	if err != nil || answer.StatusCode != http.StatusOK {
		log.Fatalf("not healthy: %v", err)
	}
}

func serve(address, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	var ships []course.Ship
	if err := json.Unmarshal(text, &ships); err != nil {
		log.Fatalf("%s: %v", path, err)
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"status": "ok", "version": version, "ships": len(ships)})
	})
	http.HandleFunc("/positions", func(w http.ResponseWriter, _ *http.Request) {
		hours := float64(time.Now().Unix()) / 3600
		positions := make([]course.Position, len(ships))
		for i, ship := range ships {
			positions[i] = course.At(ship, hours)
		}
		answer(w, positions)
	})
	fmt.Println("listening on http://" + address)
	log.Fatal(http.ListenAndServe(address, nil))
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Print(err)
	}
}
