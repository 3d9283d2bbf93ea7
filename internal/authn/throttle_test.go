package authn_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

func TestParallelGuessesStopAtLimit(t *testing.T) { onBoth(t, testParallelGuessesStopAtLimit) }

func testParallelGuessesStopAtLimit(t *testing.T, h *house) {
	_, elsewhere := h.open()
	const callers = 20 // at each of two servers
	var wg sync.WaitGroup
	results := make(chan error, 2*callers)
	for i := range 2 * callers {
		wg.Go(func() {
			auth := h.auth
			if i%2 == 1 {
				auth = elsewhere
			}
			_, err := auth.SignIn(t.Context(), ask(wrong))
			results <- err
		})
	}
	wg.Wait()
	close(results)
	guessed := 0
	for err := range results {
		if errors.Is(err, authn.ErrSignInFailed) {
			guessed++
		} else if _, ok := errors.AsType[*limit.ThrottledError](err); !ok {
			t.Errorf("got %v, want ErrSignInFailed or *ThrottledError", err)
		}
	}
	if guessed != 10 {
		t.Errorf("%d guesses were answered, want 10", guessed)
	}
	wait := h.throttled(h.auth, ask(right))
	if wait <= 0 || wait > 15*time.Minute {
		t.Errorf("told to wait %v, want up to 15 minutes", wait)
	}
	h.clock.Advance(wait)
	h.signIn(ask(right))
}

func TestSuccessIsNotCounted(t *testing.T) {
	h := newHouse(t)
	h.fail(h.auth, ask(wrong), 9)
	for range 20 {
		h.signIn(ask(right))
	}
	h.fail(h.auth, ask(wrong), 1)
	h.throttled(h.auth, ask(right))
}

func TestAddressLimitCountsAllAccounts(t *testing.T) {
	h := newHouse(t)
	h.neighbour()
	h.throttled(h.auth, ask(right))
	r := ask(right)
	r.Address = netip.MustParseAddr("192.0.2.8")
	h.signIn(r)
}

// strangers fill ada's account with failures, each from an address of its own.
func (h *house) strangers() {
	h.t.Helper()
	for i := range 100 {
		r := ask(wrong)
		r.Address = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		h.fail(h.auth, r, 1)
	}
}

// neighbour fills the address that ada shares with them.
func (h *house) neighbour() {
	h.t.Helper()
	for i := range 50 {
		h.fail(h.auth, authn.SignInRequest{Email: fmt.Sprintf("guess%d@example.com", i), Password: wrong, Address: home}, 1)
	}
}

func TestStrangersCannotLockOutOwnersBrowser(t *testing.T) {
	onBoth(t, testStrangersCannotLockOutOwnersBrowser)
}

func testStrangersCannotLockOutOwnersBrowser(t *testing.T, h *house) {
	owner := h.signIn(ask(right))
	eve := h.addUser("eve@example.com", "Eve")
	h.setPassword(eve, right)
	evesBrowser := h.signIn(authn.SignInRequest{Email: eve.Email, Password: right, Address: home}).Browser

	h.strangers()
	h.neighbour()

	h.throttled(h.auth, ask(right)) // a browser that ada never used
	stolen := ask(right)
	stolen.Browser = evesBrowser // of eve, who is not ada
	h.throttled(h.auth, stolen)
	forged := ask(right)
	forged.Browser = owner.Browser[:len(owner.Browser)-4] + "AAAA"
	h.throttled(h.auth, forged)

	known := ask(right)
	known.Browser = owner.Browser
	again := h.signIn(known)

	known.Browser = again.Browser
	known.Password = wrong
	h.fail(h.auth, known, 10)
	known.Password = right
	h.throttled(h.auth, known) // a known browser does not allow more guesses
}

func TestBrowserRemembersSeveralPeople(t *testing.T) {
	h := newHouse(t)
	eve := h.addUser("eve@example.com", "Eve")
	h.setPassword(eve, right)
	browser := h.signIn(ask(right)).Browser
	browser = h.signIn(authn.SignInRequest{Email: eve.Email, Password: right, Address: home, Browser: browser}).Browser
	h.strangers()
	r := ask(right)
	r.Browser = browser
	h.signIn(r)
}

// Each of the people who share a browser has a limit of their own.
func TestPeopleWhoShareABrowserDoNotShareALimit(t *testing.T) {
	h := newHouse(t)
	eve := h.addUser("eve@example.com", "Eve")
	h.setPassword(eve, right)
	eves := authn.SignInRequest{Email: eve.Email, Password: right, Address: home}
	eves.Browser = h.signIn(ask(right)).Browser
	eves.Browser = h.signIn(eves).Browser
	eves.Password = wrong
	h.fail(h.auth, eves, 10)
	h.throttled(h.auth, eves)
	adas := ask(right)
	adas.Browser = eves.Browser
	h.signIn(adas)
}

// However many people use a browser, its cookie stays so short that it is read.
func TestBrowserRemembersFourPeopleAtMost(t *testing.T) {
	h := newHouse(t)
	cookie, four := "", 0
	for n := range 8 {
		u := h.addUser(fmt.Sprintf("person%d@example.com", n), "Person")
		h.setPassword(u, right)
		cookie = h.signIn(authn.SignInRequest{Email: u.Email, Password: right, Address: home, Browser: cookie}).Browser
		if n == 3 {
			four = len(cookie)
		}
	}
	if len(cookie) != four {
		t.Errorf("the cookie has %d bytes after eight people and %d after four, want the same", len(cookie), four)
	}
}

// countingStore is a store whose caller hangs up when the attempt has been counted: before the password is checked.
type countingStore struct {
	*store.DB
	hangUp func()
}

func (s countingStore) Count(ctx context.Context, buckets []limit.Bucket, now time.Time) (limit.Refusal, error) {
	defer s.hangUp()
	return s.DB.Count(ctx, buckets, now)
}

// A right password is no wrong guess, even when its browser hangs up before the answer.
func TestSignInThatHangsUpIsNotCounted(t *testing.T) {
	h := newHouse(t)
	for range 20 {
		ctx, hangUp := context.WithCancel(t.Context())
		h.authenticator(countingStore{h.db, hangUp}, options()).SignIn(ctx, ask(right))
	}
	h.signIn(ask(right))
}

func TestOldPasswordMakesBrowserAStranger(t *testing.T) {
	h := newHouse(t)
	r := ask(wrong)
	r.Browser = h.signIn(ask(right)).Browser
	h.setPassword(h.ada, "kettle-tower-violet-rain")
	h.strangers()
	h.throttled(h.auth, r)
}

func TestBrowserIsForgottenAfterAYear(t *testing.T) {
	h := newHouse(t)
	r := ask(right)
	r.Browser = h.signIn(r).Browser
	h.clock.Advance(366 * 24 * time.Hour)
	h.strangers()
	h.throttled(h.auth, r)
}

func TestThrottleSurvivesRestart(t *testing.T) { onBoth(t, testThrottleSurvivesRestart) }

func testThrottleSurvivesRestart(t *testing.T, h *house) {
	h.fail(h.auth, ask(wrong), 10)
	if err := h.db.Close(); err != nil {
		t.Fatal(err)
	}
	h.db, h.auth = h.open()
	h.throttled(h.auth, ask(right))
}

func TestThrottleIsSharedBetweenServers(t *testing.T) { onBoth(t, testThrottleIsSharedBetweenServers) }

func testThrottleIsSharedBetweenServers(t *testing.T, h *house) {
	_, other := h.open()
	h.fail(h.auth, ask(wrong), 5)
	h.fail(other, ask(wrong), 5)
	h.throttled(h.auth, ask(right))
	h.throttled(other, ask(right))
}

func TestLimitsAreSettings(t *testing.T) {
	h := newHouse(t)
	opts := options()
	opts.FailuresPerPair = 2
	strict := h.authenticator(h.db, opts)
	h.fail(strict, ask(wrong), 2)
	h.throttled(strict, ask(right))
}

// The SHA-256 of this e-mail address begins with the same 20 bits as that of ada's, and counters were once kept under these bits.
// Finding one takes a second.
const collides = "eve277414@example.com"

func TestStrangersCannotFillTheCounterOfAnotherAccount(t *testing.T) {
	h := newHouse(t)
	for i := range 100 {
		h.fail(h.auth, authn.SignInRequest{Email: collides, Password: wrong, Address: netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})}, 1)
	}
	h.signIn(ask(right)) // from a browser that ada never used
}

// A household or a company has all addresses of a /56 or a /48. Its guesses, from IPv4 too, must not fill ada's own counter.
func TestOneCustomersNetworkCannotLockAPersonOut(t *testing.T) {
	for name, from := range map[string]func(i int) string{
		"/56": func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", i) },
		"/48": func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", 256*i) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			for range 4 { // in an hour there are four windows
				for i := range 200 {
					r := ask(wrong)
					r.Address = netip.MustParseAddr(from(i))
					h.guess(r)
					r.Address = netip.MustParseAddr("198.51.100.1")
					h.guess(r)
				}
				h.signIn(ask(right))
				h.clock.Advance(15 * time.Minute)
			}
		})
	}
}

// guess is a wrong password, which may be throttled.
func (h *house) guess(r authn.SignInRequest) {
	h.t.Helper()
	_, err := h.auth.SignIn(h.t.Context(), r)
	if _, ok := errors.AsType[*limit.ThrottledError](err); !ok && !errors.Is(err, authn.ErrSignInFailed) {
		h.t.Fatalf("got %v, want ErrSignInFailed or *ThrottledError", err)
	}
}

func TestAddressLimitCountsWiderNetworksToo(t *testing.T) {
	h := newHouse(t)
	guesses := 0
	try := func(subnet, n int) (answered int) {
		for range n {
			guesses++
			r := authn.SignInRequest{Email: fmt.Sprintf("guess%d@example.com", guesses), Password: wrong, Address: netip.MustParseAddr(fmt.Sprintf("2001:db8:1:%x::1", subnet))}
			if _, err := h.auth.SignIn(t.Context(), r); errors.Is(err, authn.ErrSignInFailed) {
				answered++
			}
		}
		return answered
	}
	for _, step := range []struct{ subnet, want int }{
		{0x0000, 50},
		{0x0001, 50},
		{0x0002, 0}, // a /64 has 50, and a /56 twice as many
		{0x0100, 50},
		{0x0101, 50},
		{0x0102, 0},
		{0x0200, 0},
		{0xff00, 0}, // a /48 has four times as many
	} {
		if got := try(step.subnet, 60); got != step.want {
			t.Errorf("subnet %04x: %d of 60 guesses were answered, want %d", step.subnet, got, step.want)
		}
	}
}

func TestAddressesOfOneCustomerShareThePairLimit(t *testing.T) {
	h := newHouse(t)
	for i := range 10 {
		r := ask(wrong)
		r.Address = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))
		h.fail(h.auth, r, 1)
	}
	r := ask(right)
	for _, neighbour := range []string{"2001:db8::ffff:1", "2001:db8:0:1::1", "2001:db8:0:ffff::1"} {
		r.Address = netip.MustParseAddr(neighbour)
		h.throttled(h.auth, r)
	}
	r.Address = netip.MustParseAddr("2001:db8:1::1")
	h.signIn(r)
}
