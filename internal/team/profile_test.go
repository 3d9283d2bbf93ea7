package team_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

func TestEveryTimeZoneIsKnown(t *testing.T) {
	if len(team.Zones) < 400 || !slices.Contains(team.Zones, "Europe/Vienna") || !slices.Contains(team.Zones, "UTC") {
		t.Fatalf("there are %d time zones", len(team.Zones))
	}
	for _, zone := range team.Zones {
		if got := (team.Profile{Zone: zone}).Location().String(); got != zone {
			t.Errorf("%s is %s", zone, got)
		}
	}
}

func TestLocation(t *testing.T) {
	for zone, want := range map[string]string{"": "UTC", "Mars/Olympus": "UTC", "Asia/Tokyo": "Asia/Tokyo"} {
		if got := (team.Profile{Zone: zone}).Location(); got.String() != want {
			t.Errorf("%q is %v, want %s", zone, got, want)
		}
	}
	if (team.Profile{}).Location() != time.UTC {
		t.Error("without a time zone it is not UTC itself")
	}
}
