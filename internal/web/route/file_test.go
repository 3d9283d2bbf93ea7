package route

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Of a file that is too large, one byte more than the limit is kept, so that the caller sees it.
func TestFileIsCutOff(t *testing.T) {
	for size, want := range map[int]int{9: 9, 10: 10, 11: 11, 12: 11, 5000: 11} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, err := form.CreateFormFile("picture", "me.png")
		if err == nil {
			_, err = part.Write(make([]byte, size))
		}
		if err == nil {
			err = form.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", &body)
		r.Header.Set("Content-Type", form.FormDataContentType())
		if file, err := File(r, "picture", 10); err != nil || len(file) != want {
			t.Errorf("of %d bytes: %d and %v, want %d", size, len(file), err, want)
		}
	}
}
