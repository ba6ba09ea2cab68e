// Package course says where ships are.
package course

import "math"

// Ship is an entry of the register.
type Ship struct {
	Name  string  `json:"name"`
	Home  string  `json:"home"`
	Knots float64 `json:"knots"`
}

// Position is degrees of latitude and longitude.
type Position struct {
	Name string  `json:"name"`
	Lat  float64 `json:"lat"`
	Lon  float64 `json:"lon"`
}

// At returns where a ship is after so many hours: on a circle around its home, one round a day.
func At(ship Ship, hours float64) Position {
	lat := 54.0
	if ship.Home == "south" {
		lat = 43.5
	}
	angle := 2 * math.Pi * math.Mod(hours, 24) / 24
	radius := ship.Knots / 60
	return Position{ship.Name, round(lat + radius*math.Sin(angle)), round(8 + radius*math.Cos(angle))}
}

func round(degrees float64) float64 {
	return math.Round(degrees*1e4) / 1e4
}
