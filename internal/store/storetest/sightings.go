package storetest

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
)

// testSightings: when a session was seen is written at most once in five minutes, by whatever process, and its network is forgotten in time.
func testSightings(k *kit) {
	k.populate()
	device := func(id string) authn.Device {
		k.Helper()
		for _, s := range must[[]authn.Session](k)(k.db.Sessions(k.ctx, ada.ID, now)) {
			if s.ID == id {
				return s.Device
			}
		}
		return authn.Device{}
	}
	s := session("s1", ada)
	s.ExpiresAt = now.Add(300 * 24 * time.Hour)
	s.Device = authn.Device{Browser: "firefox", System: "linux", Network: "192.0.2.0/24", SeenAt: now}
	k.ok(k.db.StartSession(k.ctx, s, ""))
	k.ok(k.db.StartSession(k.ctx, session("of-bob", bob), ""))
	equal(k, "Ada's sessions", len(must[[]authn.Session](k)(k.db.Sessions(k.ctx, ada.ID, now))), 1)
	equal(k, "Ada's sessions when they have expired", len(must[[]authn.Session](k)(k.db.Sessions(k.ctx, ada.ID, s.ExpiresAt))), 0)

	at := now.Add(4 * time.Minute)
	k.ok(k.db.SaveSightings(k.ctx, []authn.Sighting{{Session: "s1", Network: "198.51.100.0/24", At: at}}))
	equal(k, "seen too soon", device("s1"), s.Device)
	at = now.Add(5 * time.Minute)
	k.ok(k.db.SaveSightings(k.ctx, []authn.Sighting{{Session: "gone", At: at}, {Session: "s1", Network: "198.51.100.0/24", At: at}}))
	s.Device.Network, s.Device.SeenAt = "198.51.100.0/24", at
	equal(k, "seen", device("s1"), s.Device)

	must[int](k)(k.db.Prune(k.ctx, at.Add(authn.NetworkRetention-time.Millisecond), 100))
	equal(k, "the network before its time is over", device("s1").Network, "198.51.100.0/24")
	must[int](k)(k.db.Prune(k.ctx, at.Add(authn.NetworkRetention), 100))
	s.Device.Network = ""
	equal(k, "the network after 90 days", device("s1"), s.Device)
}
