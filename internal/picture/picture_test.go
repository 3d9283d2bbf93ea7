package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"time"
)

var red, blue = color.NRGBA{R: 200, A: 255}, color.NRGBA{B: 200, A: 255}

// halves is a picture whose upper half is red.
func halves(width, height int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := blue
			if y < height/2 {
				c = red
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

func asPNG(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asGIF(t *testing.T, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pixel is a WebP of one pixel, as libwebp wrote it.
const pixel = "RIFF\x22\x00\x00\x00WEBPVP8 \x16\x00\x00\x000\x01\x00\x9d\x01*\x01\x00\x01\x00\x0e\xc0\xfe%\xa4\x00\x03p\x00\x00\x00\x00"

// withEXIF puts a segment APP1 with an orientation and a text behind the start of a JPEG.
func withEXIF(file []byte, orientation uint16, text string) []byte {
	body := []byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01")
	body = binary.BigEndian.AppendUint16(body, orientation)
	body = append(body, 0, 0, 0, 0, 0, 0)
	body = append(body, text...)
	segment := binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(body)+2))
	return bytes.Join([][]byte{file[:2], segment, body, file[2:]}, nil)
}

// square decodes what Square made.
func square(t *testing.T, file []byte) (Picture, image.Image) {
	t.Helper()
	p, err := Square(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	m, format, err := image.Decode(bytes.NewReader(p.Content))
	if err != nil || m.Bounds() != image.Rect(0, 0, Side, Side) || "image/"+format != p.Type {
		t.Fatalf("%s is a %s of %v, %v", p.Type, format, m.Bounds(), err)
	}
	return p, m
}

func isRed(c color.Color) bool {
	r, _, b, _ := c.RGBA()
	return r > 0x8000 && b < 0x4000
}

func TestEveryFormatBecomesASquare(t *testing.T) {
	transparent := halves(300, 100)
	transparent.SetNRGBA(150, 50, color.NRGBA{})
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"PNG":             {asPNG(t, halves(300, 100)), "image/jpeg"},
		"tall":            {asPNG(t, halves(7, 900)), "image/jpeg"},
		"one pixel":       {asPNG(t, halves(1, 1)), "image/jpeg"},
		"JPEG":            {asJPEG(t, halves(300, 100)), "image/jpeg"},
		"GIF":             {asGIF(t, halves(300, 100)), "image/jpeg"},
		"WebP":            {[]byte(pixel), "image/jpeg"},
		"transparent PNG": {asPNG(t, transparent), "image/png"},
	} {
		t.Run(name, func(t *testing.T) {
			if p, _ := square(t, tt.file); p.Type != tt.want {
				t.Errorf("it is %s, want %s", p.Type, tt.want)
			}
		})
	}
}

// TestNothingElseOfTheFileIsKept: no location, no comment, and no page or archive that hides in or behind a picture.
func TestNothingElseOfTheFileIsKept(t *testing.T) {
	const secret = "<script>alert('48.2082N 16.3738E')</script>"
	text := binary.BigEndian.AppendUint32(nil, uint32(len(secret)))
	text = append(text, "tEXt"+secret...)
	text = binary.BigEndian.AppendUint32(text, crc32.ChecksumIEEE(text[4:]))
	plain := asPNG(t, halves(20, 20))
	comment := bytes.Join([][]byte{{0xFF, 0xD8, 0xFF, 0xFE, 0, byte(len(secret) + 2)}, []byte(secret), asJPEG(t, halves(20, 20))[2:]}, nil)
	for name, file := range map[string][]byte{
		"EXIF":              withEXIF(asJPEG(t, halves(20, 20)), 1, secret),
		"a JPEG comment":    comment,
		"a PNG text":        bytes.Join([][]byte{plain[:33], text, plain[33:]}, nil), // behind IHDR
		"a page behind PNG": append(plain, secret...),
		"a page behind GIF": append(asGIF(t, halves(20, 20)), secret...),
	} {
		t.Run(name, func(t *testing.T) {
			if !bytes.Contains(file, []byte(secret)) {
				t.Fatal("the file is no attack")
			}
			if p, _ := square(t, file); bytes.Contains(p.Content, []byte("script")) || bytes.Contains(p.Content, []byte("Exif")) {
				t.Errorf("the picture has it too: %q", p.Content)
			}
		})
	}
}

// TestPicturesAreUpright: the camera's orientation is applied before it is lost.
func TestPicturesAreUpright(t *testing.T) {
	const low, high, middle = 20, Side - 20, Side / 2
	for orientation, wantRed := range map[uint16]image.Point{
		0: {middle, low}, 1: {middle, low}, 2: {middle, low}, 3: {middle, high}, 4: {middle, high},
		5: {low, middle}, 6: {high, middle}, 7: {high, middle}, 8: {low, middle}, 9: {middle, low},
	} {
		_, m := square(t, withEXIF(asJPEG(t, halves(64, 64)), orientation, ""))
		opposite := image.Pt(Side-1-wantRed.X, Side-1-wantRed.Y)
		if !isRed(m.At(wantRed.X, wantRed.Y)) || isRed(m.At(opposite.X, opposite.Y)) {
			t.Errorf("orientation %d: %v is %v", orientation, wantRed, m.At(wantRed.X, wantRed.Y))
		}
	}
}

// claims is a PNG that says to be of a size, and has hardly any content.
func claims(t *testing.T, width, height uint32) []byte {
	t.Helper()
	file := asPNG(t, halves(1, 1))
	binary.BigEndian.PutUint32(file[16:], width)
	binary.BigEndian.PutUint32(file[20:], height)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

func TestRefusedFiles(t *testing.T) {
	whole, photograph := asPNG(t, halves(100, 100)), asJPEG(t, halves(100, 100))
	for name, tt := range map[string]struct {
		file []byte
		want error
	}{
		"nothing":             {nil, ErrUnreadable},
		"SVG":                 {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), ErrUnreadable},
		"SVG with a prologue": {[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`), ErrUnreadable},
		"HTML":                {[]byte("<!doctype html><script>alert(1)</script>"), ErrUnreadable},
		"HTML that says GIF":  {[]byte("GIF89a/*<script>alert(1)</script>*/=1"), ErrTooManyPixels}, // "/*<s" is its size,
		"BMP":                 {[]byte("BM" + strings.Repeat("\x00", 60)), ErrUnreadable},
		"a truncated PNG":     {whole[:len(whole)/2], ErrUnreadable},
		"a truncated JPEG":    {photograph[:len(photograph)/2], ErrUnreadable},
		"only a PNG's header": {whole[:33], ErrUnreadable},
		"a bomb":              {claims(t, 50_000, 50_000), ErrTooManyPixels},
		"a long bomb":         {claims(t, 1<<31-1, 1), ErrTooManyPixels},
		"many pixels":         {claims(t, 4000, 4000), ErrTooManyPixels},
		"too wide":            {claims(t, maxSide+1, 1), ErrTooManyPixels},
		"too high":            {claims(t, 1, maxSide+1), ErrTooManyPixels},
		"no pixels":           {claims(t, 0, 1), ErrUnreadable},
		"one byte too many":   {append(bytes.Clone(whole), make([]byte, MaxBytes+1-len(whole))...), ErrTooManyBytes},
	} {
		t.Run(name, func(t *testing.T) {
			if p, err := Square(t.Context(), tt.file); !errors.Is(err, tt.want) {
				t.Errorf("got %s and %v, want %v", p.Type, err, tt.want)
			}
		})
	}
	if _, err := Square(t.Context(), append(bytes.Clone(whole), make([]byte, MaxBytes-len(whole))...)); err != nil {
		t.Errorf("a file of exactly %d bytes: %v", MaxBytes, err)
	}
}

// One picture is decoded at a time; who waits for it can give up.
func TestOneAtATime(t *testing.T) {
	one <- struct{}{}
	defer func() {
		select {
		case <-one:
		default: // Square took what is not its own; the test has failed
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	file, done := asPNG(t, halves(2, 2)), make(chan error, 1)
	go func() {
		_, err := Square(ctx, file)
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while another is decoded: %v, want %v", err, context.DeadlineExceeded)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for the other one although its caller has gone")
	}
}

// What is in a file may be anything; it must neither panic nor be kept.
func FuzzSquare(f *testing.F) {
	var b bytes.Buffer
	_ = png.Encode(&b, halves(3, 2))
	f.Add(b.Bytes())
	b.Reset()
	_ = jpeg.Encode(&b, halves(3, 2), nil)
	f.Add(withEXIF(b.Bytes(), 6, "x"))
	f.Add([]byte(pixel))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := Square(t.Context(), file)
		if err == nil && !strings.HasPrefix(p.Type, "image/") {
			t.Errorf("a picture of the type %q", p.Type)
		}
	})
}
