package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestBinaryIsSmall(t *testing.T) {
	const limit = 45_000_000
	info, err := os.Stat(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > limit {
		t.Errorf("the stripped binary has %d bytes, want %d at most", info.Size(), limit)
	}
}

// BenchmarkStart measures the time from the start of the process to the first response, on an existing database, and the memory at that time.
func BenchmarkStart(b *testing.B) {
	in := installSQLite(b)
	in.start().stop() // makes the database
	var memory int64
	for b.Loop() {
		p := in.start()
		if response, err := p.client().Get(installedURL + "/.well-known/oauth-authorization-server"); err != nil || response.StatusCode != http.StatusOK {
			b.Fatalf("the first answer: %v", err)
		}
		b.StopTimer()
		memory += p.resident()
		p.kill()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/start")
	b.ReportMetric(float64(memory)/1e6/float64(b.N), "MB-resident")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkIdleMemory measures the memory of a server right after sign-ins and a thousand flows, and again after it was idle for a while. It measures once,
// whatever -benchtime says.
func BenchmarkIdleMemory(b *testing.B) {
	if b.N > 1 {
		return
	}
	in := installSQLite(b)
	p := in.start()
	in.furnish()
	app := in.register("Shop")
	ann := p.person(b)
	ann.connect(acmeURL(app))
	for range 1000 {
		code, err := authorize(b.Context(), ann.client, app)
		if err != nil {
			b.Fatal(err)
		}
		if answer, err := redeem(b.Context(), ann.client, app, code); err != nil || answer.Status != http.StatusOK {
			b.Fatalf("%d %s, %v", answer.Status, answer.Error, err)
		}
	}
	b.ReportMetric(float64(p.resident())/1e6, "MB-busy")
	time.Sleep(idleAfter) // the idle time is what is measured, in another process with its own clock
	b.ReportMetric(float64(p.resident())/1e6, "MB-idle")
	b.ReportMetric(0, "ns/op")
}

// idleAfter is the time after which an idle server has returned its memory.
const idleAfter = 70 * time.Second

func installSQLite(b *testing.B) *installation {
	b.Helper()
	return install(b, "sqlite:"+filepath.Join(b.TempDir(), "gatehouse.db"))
}

// resident returns the resident memory of a process in bytes.
func (p *process) resident() int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if name != "VmRSS" {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		return kilobytes * 1024
	}
	p.t.Fatal("the process does not say what it holds")
	return 0
}
