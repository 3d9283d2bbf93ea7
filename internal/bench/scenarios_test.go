package bench

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

func TestFloodIsMeasured(t *testing.T) {
	t.Parallel()
	f := Flood{Setup: Setup{Dir: t.TempDir(), Accounts: 1, programs: built}, SignIns: 20, Refreshes: 40, Duration: 500 * time.Millisecond, Connections: 20}
	text := reported(t, f.Report)
	for _, name := range []string{"before", "flood", "after"} {
		cells := rowOf(text, name)
		if len(cells) < 15 || cells[2] == "0" || cells[6] != "0" {
			t.Errorf("%s: %v: want refreshes without an error", name, cells)
		} else if name == "flood" && (cells[8] == "0" || cells[9] == "0" || cells[14] != "0") {
			t.Errorf("%s: %v: want right and wrong passwords, without an error", name, cells)
		}
	}
}

func TestSoakIsMeasured(t *testing.T) {
	t.Parallel()
	s := Soak{
		Setup: Setup{Dir: openDir(t), Database: "postgres", programs: built}, Duration: 1500 * time.Millisecond, Capacity: 200 * time.Millisecond,
		Share: .5, People: 2, Sample: 200 * time.Millisecond, RotateKeys: 500 * time.Millisecond,
	}
	text := reported(t, s.Report)
	for _, name := range []string{"first third", "second third", "last third", "all"} {
		if cells := rowOf(text, name); len(cells) < 7 || cells[2] == "0" || cells[6] != "0" {
			t.Errorf("%s: %v: want operations without an error", name, cells)
		}
	}
	for _, name := range []string{"resident MB", "goroutines", "open files", "database on the disk MB"} {
		if cells := rowOf(text, name); len(cells) < 5 || cells[2] == "0.0" || cells[3] == "0.0" {
			t.Errorf("%s: %v: want figures", name, cells)
		}
	}
	if !strings.Contains(text, "Rotated the keys 1 times.") {
		t.Errorf("the keys were not rotated:\n%s", text)
	}
}

// What a revocation and a disconnection end is refused from then on, and can be had anew.
func TestAccessIsEndedAndHadAnew(t *testing.T) {
	t.Parallel()
	setup := Setup{Dir: t.TempDir(), programs: built}
	_, s, leave, err := setup.single(t.Context(), 2, soakSettings...)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	crowd, err := drive.Gather(t.Context(), s.target, 2, drive.Connection{})
	if err != nil {
		t.Fatal(err)
	}
	defer crowd.Leave()
	ended := 0
	for _, operation := range []string{"revoke", "disconnect", "refresh", "introspect", "userinfo"} {
		result, err := crowd.Run(t.Context(), operation, time.Millisecond)
		if err != nil || result.Errors > 0 || result.Count() == 0 {
			t.Errorf("%s: %d succeeded, %d failed: %v, %v", operation, result.Count(), result.Errors, result.First, err)
		}
		if operation == "revoke" || operation == "disconnect" {
			ended += result.Count()
		}
	}
	if crowd.Ended() != ended {
		t.Errorf("access was refused %d times, want %d", crowd.Ended(), ended)
	}
}

func TestMemoryIsMeasured(t *testing.T) {
	t.Parallel()
	m := Memory{Setup: Setup{Dir: t.TempDir(), Accounts: 1, programs: built}, Connections: 4, Abandoned: 10}
	text := reported(t, m.Report)
	started, abandoned := rowOf(text, "started"), rowOf(text, "10 authorization requests abandoned")
	if len(started) < 8 || len(abandoned) < 8 || started[2] == "0" || started[6] != abandoned[6] {
		t.Errorf("at first %v, then %v: want as many rows, and memory", started, abandoned)
	}
	if made := rowOf(text, "4 connections made"); len(made) < 8 || made[6] == started[6] {
		t.Errorf("with connections %v: want more rows than in %v", made, started)
	}
}

// A backend of PostgreSQL that has ended has still cost something.
func TestProcessorTimeOfPostgreSQLCounts(t *testing.T) {
	t.Parallel()
	d, err := startPostgres(t.Context(), openDir(t)+"/pg", false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.stop()
	before, err := d.cpu()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ask(t.Context(), "SELECT sum(i) FROM generate_series(1, 2000000) i"); err != nil {
		t.Fatal(err)
	}
	if after, err := d.cpu(); err != nil || after-before < 50*time.Millisecond {
		t.Errorf("two million rows took %s, %v", after-before, err)
	}
}

func TestProcessorTimeOfChildrenCounts(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if used, err := childrenCPU(os.Getpid()); err != nil {
			t.Fatal(err)
		} else if used > 0 {
			return
		}
	}
	t.Error("a child that never rests has used nothing in ten seconds")
}

func TestSamplesCompareTheFirstThirdWithTheLast(t *testing.T) {
	var all samples
	for i := range 9 {
		all = append(all, sample{"go_goroutines": float64(10 + i), "process_cpu_seconds_total": float64(3 * i)})
	}
	var text strings.Builder
	all.write(&text)
	for name, want := range map[string][]string{"goroutines": {"11.0", "17.0", "1.55", "18.0"}, "CPU s of Gatehouse per sample": {"3.0", "3.0", "1.00", "3.0"}} {
		if cells := rowOf(text.String(), name); strings.Join(cells[2:6], " ") != strings.Join(want, " ") {
			t.Errorf("%s: %v, want %v", name, cells, want)
		}
	}
}
