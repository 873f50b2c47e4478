package profile

import (
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// picture is a small flame graph: main calls read (60 of 100) and "a<b>" (30),
// read calls copy (20), and so does "a<b>" (5).
func picture(t *testing.T) string {
	t.Helper()
	root := &Node{Name: "all", Total: 100}
	m := root.Child("main")
	m.Total = 100
	r := m.Child("read")
	r.Total, r.Child("copy").Total = 60, 20
	a := m.Child("a<b>")
	a.Total, a.Child("copy").Total = 30, 5
	m.Child("tiny").Total = 0
	var b strings.Builder
	if err := Draw(&b, root, "a title & more", "us", "3 stacks were not kept"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestHostileNames: names that others have chosen leave the picture well-formed and
// the lines of folded stacks whole.
func TestHostileNames(t *testing.T) {
	const evil = "a;b\x1b[31m\r\x00\n\u202e\xff</text><script>"
	root := &Node{Name: evil, Total: 100}
	root.Child(evil).Total = 100
	var b strings.Builder
	if err := Draw(&b, root, evil, "us", ""); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, b.String())
		}
	}
	if got, want := FoldedName(evil), `a:b\x1b[31m\x0d\x00:\xe2\x80\xae`+"\xff</text><script>"; got != want {
		t.Errorf("folded: %q, want %q", got, want)
	}
}

func TestDraw(t *testing.T) {
	svg := picture(t)
	for _, want := range []string{
		"a title &amp; more", "Total: 100 us. Not here: 3 stacks were not kept; 1 box is too narrow to be drawn",
		`data-n="a&lt;b&gt;"`, "<title>read: 60 us, 60.0%</title>", `id="reset"`, `id="search"`,
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("the picture lacks %q:\n%s", want, svg)
		}
	}
}

// actions does what a person does with the picture, and leaves what is seen.
const actions = `<script><![CDATA[
(function () {
  var out = [];
  function seen() {
    return Array.prototype.filter.call(document.querySelectorAll(".f"), function (e) { return e.style.display != "none"; }).map(function (e) {
      return e.dataset.n + "=" + Math.round(+e.querySelector("rect").getAttribute("width"));
    }).join(",");
  }
  function click(e) { e.dispatchEvent(new MouseEvent("click", {bubbles: true})); }
  function found() { return document.getElementById("found").textContent; }
  out.push("start " + seen());
  click(document.querySelector('.f[data-n="read"]'));
  out.push("zoomed " + seen());
  click(document.getElementById("reset"));
  out.push("reset " + seen());
  var answer = "^copy$";
  window.prompt = function () { return answer; };
  click(document.getElementById("search"));
  out.push("search " + found());
  answer = "(";
  click(document.getElementById("search"));
  out.push("wrong " + found().replace(/:.*/, ""));
  answer = null;
  click(document.getElementById("search"));
  click(document.getElementById("reset"));
  out.push("nothing [" + found() + "]");
  document.documentElement.setAttribute("data-result", out.join("; "));
})();
]]></script></svg>`

// TestBrowser opens the picture in a browser, clicks a box, resets, and searches.
func TestBrowser(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("no Chromium is installed: the picture was not opened in a browser (apt-get install chromium)")
	}
	file := filepath.Join(t.TempDir(), "picture.svg")
	text := strings.TrimSuffix(strings.TrimSpace(picture(t)), "</svg>") + actions
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir="+t.TempDir(), "--dump-dom", "file://"+file)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", browser, err)
	}
	m := regexp.MustCompile(`data-result="([^"]*)"`).FindStringSubmatch(string(out))
	if m == nil {
		t.Fatalf("the picture's code did not run:\n%s", out)
	}
	const whole = "all=1200,main=1200,a&lt;b&gt;=360,copy=60,read=720,copy=240"
	want := "start " + whole + "; zoomed all=1200,main=1200,read=1200,copy=400; reset " + whole +
		"; search found: 25.0%; wrong SyntaxError; nothing []"
	if got := strings.ReplaceAll(m[1], "a<b>", "a&lt;b&gt;"); got != want {
		t.Errorf("seen:\n%s\nwant:\n%s", got, want)
	}
}
