package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maps are the documents that tell people which file to open.
var maps = []string{"docs/architecture.md", "CONTRIBUTING.md"}

var (
	// pathPattern matches a path of the repository: a file with a known suffix, or a folder with a slash at its end. A * stands for any name.
	pathPattern = regexp.MustCompile(`(?:\.?[\w*-]+/)+(?:[\w.*-]+\.(?:go|md|html|json|sql|css|mod|yml)\b)?`)
	// namePattern matches an exported name with its package, such as authz.Begin.
	namePattern = regexp.MustCompile(`\b([a-z]+)\.([A-Z]\w*)`)
	// urlPattern matches addresses and paths of the server, which are not files.
	urlPattern = regexp.MustCompile(`https?://\S+|(?:GET|POST) \S+|(?:^|[\s(\x60])/[\w{}./-]*`)
)

// TestFilesOfTheMapsExist checks every path in the maps. A path starts at the top of the repository, or at internal/ where the text has only the
// package's name.
func TestFilesOfTheMapsExist(t *testing.T) {
	ignored, err := os.ReadFile(filepath.Join(root, ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range maps {
		text := readMap(t, document)
		paths := pathPattern.FindAllString(urlPattern.ReplaceAllString(text, " "), -1)
		if len(paths) < 10 {
			t.Fatalf("%s names only %v", document, paths)
		}
		for _, path := range paths {
			if folder, _, _ := strings.Cut(path, "/"); strings.Contains("\n"+string(ignored), "\n/"+folder+"/\n") {
				continue // made by make
			}
			if !exists(t, path) && !exists(t, filepath.Join("docs", path)) && !exists(t, filepath.Join("internal", path)) {
				t.Errorf("%s names %s, which does not exist", document, path)
			}
		}
	}
}

// TestNamesOfTheMapsExist checks every function and type in the maps.
func TestNamesOfTheMapsExist(t *testing.T) {
	for _, document := range maps {
		for _, m := range namePattern.FindAllStringSubmatch(readMap(t, document), -1) {
			if declared, found := declares(t, m[1], m[2]); found && !declared {
				t.Errorf("%s names %s, which does not exist", document, m[0])
			}
		}
	}
}

func readMap(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return len(found) > 0
}

// declares reports whether one of our packages with this name declares something with the other name, and whether there is such a package.
func declares(t *testing.T, pkg, name string) (declared, found bool) {
	t.Helper()
	declaration := regexp.MustCompile(`(?m)^(?:func (?:\([^)]*\) )?|type |var |const |\t)` + name + `\b`)
	for _, pattern := range []string{pkg, "internal/" + pkg, "internal/*/" + pkg} {
		files, err := filepath.Glob(filepath.Join(root, pattern, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			found = true
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			declared = declared || declaration.Match(text)
		}
	}
	return declared, found
}
