package docs

import (
	"fmt"
	"os"
	"regexp"
	"testing"
)

// TestSecurityAnswersEveryThreatOfRFC9700: §4 has seventeen of them, and each row names a test.
func TestSecurityAnswersEveryThreatOfRFC9700(t *testing.T) {
	text, err := os.ReadFile("security.md")
	if err != nil {
		t.Fatal(err)
	}
	for threat := 1; threat <= 17; threat++ {
		row := regexp.MustCompile(fmt.Sprintf("(?m)^\\| §4\\.%d [^|]+\\|[^|]+\\|[^|]*`(?:Test|Fuzz)\\w+`[^|]*\\|$", threat))
		if n := len(row.FindAll(text, -1)); n != 1 {
			t.Errorf("§4.%d has %d rows with a test, want one", threat, n)
		}
	}
}
