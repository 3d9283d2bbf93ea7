package audit

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

func TestKindsAreAllThereAre(t *testing.T) {
	source, err := os.ReadFile("audit.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^\t\w+ +Kind += "([a-z_.]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(declared) == 0 || len(declared) != len(Kinds()) {
		t.Errorf("%d kinds are declared, Kinds has %d", len(declared), len(Kinds()))
	}
	for i, row := range table {
		if slices.Index(Kinds(), row.Kind) != i {
			t.Errorf("%s is in the table twice", row.Kind)
		}
	}
	for _, d := range declared {
		if !slices.Contains(Kinds(), Kind(d[1])) {
			t.Errorf("Kinds lacks %s", d[1])
		}
	}
}
