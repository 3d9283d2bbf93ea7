// Package picture makes a small square picture of one that a stranger uploaded. What comes out was drawn anew, pixel by pixel, so nothing
// else of the file survives: no location, no comment, no script, no second file behind the picture.
package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"

	scale "golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

const (
	// Side is the width and the height of a picture, in pixels.
	Side = 256
	// MaxBytes is the size of the largest file that is accepted.
	MaxBytes = 1 << 20

	// A small file can claim to be huge. A picture of this many pixels takes 50 MB while it is decoded, and in the worst form twice as much.
	maxSide   = 8192
	maxPixels = 12_600_000 // a photograph of 12 megapixels
)

// Why a file is refused.
var (
	ErrTooManyBytes  = fmt.Errorf("the file is larger than %d bytes", MaxBytes)
	ErrTooManyPixels = fmt.Errorf("the picture has more than %d pixels, or a side of more than %d", maxPixels, maxSide)
	ErrUnreadable    = errors.New("the file is no complete PNG, JPEG, GIF or WebP")
)

// Picture is a picture that was drawn anew.
type Picture struct {
	Type    string // image/png or image/jpeg
	Content []byte
}

// format is a format that can be read.
type format struct {
	config func([]byte) (image.Config, error)
	decode func([]byte) (image.Image, error)
}

// formats are by what the first bytes of a file are, whatever its name and its sender say.
var formats = map[string]format{
	"image/png": {
		func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) },
		func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) },
	},
	"image/jpeg": {
		func(b []byte) (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(b)) },
		func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) },
	},
	"image/gif": { // its first frame
		func(b []byte) (image.Config, error) { return gif.DecodeConfig(bytes.NewReader(b)) },
		func(b []byte) (image.Image, error) { return gif.Decode(bytes.NewReader(b)) },
	},
	"image/webp": {
		func(b []byte) (image.Config, error) { return webp.DecodeConfig(bytes.NewReader(b)) },
		func(b []byte) (image.Image, error) { return webp.Decode(bytes.NewReader(b)) },
	},
}

// one lets one picture be decoded at a time, because each may take much memory.
var one = make(chan struct{}, 1)

// Square is the middle of an uploaded picture, as a square of Side. ErrTooManyBytes, ErrTooManyPixels, ErrUnreadable.
func Square(ctx context.Context, file []byte) (Picture, error) {
	if len(file) > MaxBytes {
		return Picture{}, ErrTooManyBytes
	}
	f, known := formats[http.DetectContentType(file)]
	if !known {
		return Picture{}, ErrUnreadable
	}
	select {
	case one <- struct{}{}:
		defer func() { <-one }()
	case <-ctx.Done():
		return Picture{}, ctx.Err()
	}
	// Before anything is decoded: the size that the file claims decides how much memory that takes.
	config, err := f.config(file)
	if err != nil || config.Width <= 0 || config.Height <= 0 {
		return Picture{}, ErrUnreadable
	}
	if config.Width > maxSide || config.Height > maxSide || config.Width*config.Height > maxPixels {
		return Picture{}, ErrTooManyPixels
	}
	uploaded, err := f.decode(file)
	if err != nil {
		return Picture{}, ErrUnreadable
	}
	return encode(drawn(uploaded, orientation(file)))
}

// drawn is the middle of a picture, scaled and upright.
func drawn(uploaded image.Image, turned int) *image.NRGBA {
	bounds := uploaded.Bounds()
	side := min(bounds.Dx(), bounds.Dy())
	corner := bounds.Min.Add(image.Pt((bounds.Dx()-side)/2, (bounds.Dy()-side)/2))
	square := image.NewNRGBA(image.Rect(0, 0, Side, Side))
	scale.CatmullRom.Scale(square, square.Bounds(), uploaded, image.Rectangle{corner, corner.Add(image.Pt(side, side))}, draw.Src, nil)
	return upright(square, turned)
}

// encode is a picture as JPEG, or as PNG when something shows through it.
func encode(square *image.NRGBA) (Picture, error) {
	var b bytes.Buffer
	if square.Opaque() {
		err := jpeg.Encode(&b, square, &jpeg.Options{Quality: 88})
		return Picture{"image/jpeg", b.Bytes()}, err
	}
	err := png.Encode(&b, square)
	return Picture{"image/png", b.Bytes()}, err
}
