package course

import "testing"

func TestAShipIsBackAfterADay(t *testing.T) {
	ship := Ship{Name: "Kestrel", Home: "north", Knots: 12}
	if At(ship, 0) != At(ship, 24) {
		t.Errorf("%v is not %v", At(ship, 0), At(ship, 24))
	}
	if At(ship, 0) == At(ship, 6) {
		t.Errorf("a ship that does not move: %v", At(ship, 0))
	}
}
