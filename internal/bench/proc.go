package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// stat is what the kernel says of a process (proc_pid_stat(5)). It counts processor time in hundredths of a second.
type stat struct {
	parent int
	own    time.Duration // of the process
	ended  time.Duration // of its children that have ended
}

func readStat(pid int) (s stat, err error) {
	path := procPath(pid, "stat")
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	// The name of the program is in parentheses and may hold anything. After it, the parent is the field 1, and utime, stime, cutime and cstime are 11 to 14.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return s, fmt.Errorf("%s is not as expected: %q", path, text)
	}
	var numbers [5]int64
	for i, field := range [][]byte{fields[1], fields[11], fields[12], fields[13], fields[14]} {
		if numbers[i], err = strconv.ParseInt(string(field), 10, 64); err != nil {
			return s, fmt.Errorf("%s: %w", path, err)
		}
	}
	const tick = 10 * time.Millisecond
	return stat{int(numbers[0]), time.Duration(numbers[1]+numbers[2]) * tick, time.Duration(numbers[3]+numbers[4]) * tick}, nil
}

// childrenCPU is the processor time of the children of a process that run now.
func childrenCPU(parent int) (total time.Duration, err error) {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil && s.parent == parent { // an error: it has ended meanwhile
			total += s.own + s.ended
		}
	}
	return total, nil
}

// cpu is the processor time that the program has used.
func (p *process) cpu() (time.Duration, error) {
	s, err := readStat(p.cmd.Process.Pid)
	return s.own, err
}

// resident is how many bytes of memory the program occupies.
func (p *process) resident() (int64, error) {
	path := procPath(p.cmd.Process.Pid, "status")
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no VmRSS", path)
}

func procPath(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }
