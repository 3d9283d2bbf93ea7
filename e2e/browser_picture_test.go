package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// pictures is the folder for screenshots of every page. Git ignores it.
const pictures = "screenshots"

// axeSource is axe-core, which finds what hinders people who use a screen reader, a keyboard, or little contrast.
const axeSource = "node/node_modules/axe-core/axe.min.js"

// picture takes screenshots at the widths of a phone, a tablet and a desktop, light and dark. It fails if the page is wider than the
// window, or if axe-core finds something. It restores the window.
func (b *browser) picture(name string) {
	b.t.Helper()
	for _, width := range []int64{320, 768, 1440} {
		for _, dark := range []bool{false, true} {
			var inner, content int64
			var picture []byte
			b.do(b.size(width), b.dark(dark), chromedp.Evaluate("innerWidth", &inner), chromedp.Evaluate("document.documentElement.scrollWidth", &content),
				chromedp.FullScreenshot(&picture, 100))
			if inner != width || content > width {
				b.t.Errorf("%s: at %d px the window is %d px wide and its content %d px", name, width, inner, content)
			}
			name := fmt.Sprintf("%s-%d-%s", name, width, map[bool]string{false: "light", true: "dark"}[dark])
			b.save(name, picture)
			if width == 320 {
				b.accessible(name)
			}
		}
	}
	b.do(b.size(1280), b.dark(false))
}

// accessible fails if axe-core finds something on the page. Swagger UI, which is not ours, is left out.
func (b *browser) accessible(name string) {
	b.t.Helper()
	source, err := os.ReadFile(axeSource)
	if err != nil {
		b.t.Fatalf("%v: run scripts/setup", err)
	}
	var found []string
	b.do(chromedp.Evaluate(string(source), nil), chromedp.Evaluate(`axe.run({exclude: ["#swagger"]}).then(result => result.violations.map(
		v => v.id + ": " + v.help + ": " + v.nodes.map(n => n.html.slice(0, 120)).join(" and ")))`, &found, func(p *cdpruntime.EvaluateParams) *cdpruntime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if len(found) > 0 {
		b.t.Errorf("%s: axe-core found\n%s", name, strings.Join(found, "\n"))
	}
}

func (b *browser) save(name string, picture []byte) {
	b.t.Helper()
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pictures, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
