package route

import (
	"errors"
	"io"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// File is a file of a form (multipart/form-data) in the field of a name: at most one byte more than most, so that the caller sees that it is too
// large. It is empty when the person chose none. What the sender says about the file is not read: neither its name nor its type is to be trusted.
func File(r *http.Request, name string, most int64) ([]byte, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, oauth.InvalidRequest.Errorf("send the file as multipart/form-data")
	}
	var file []byte
	for found := false; ; {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return file, nil
		}
		if err != nil {
			return nil, unread(err)
		}
		if part.FormName() != name {
			continue
		}
		if found {
			return nil, oauth.InvalidRequest.Errorf("%s was sent twice; send it once", name)
		}
		found = true
		if file, err = io.ReadAll(io.LimitReader(part, most+1)); err != nil {
			return nil, unread(err)
		}
	}
}
