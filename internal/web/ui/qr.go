package ui

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// QR is a QR code, drawn as one path of an SVG. It is dark on white in both colour schemes, because cameras expect that.
type QR struct {
	Path string // of the dark squares, in units of one square
	Size int    // of the side, with the quiet zone
}

// quietZone is the white border that readers need (ISO/IEC 18004).
const quietZone = 4

// NewQR is the QR code of a text; the zero QR for one that is too long.
func NewQR(text string) QR {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return QR{}
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, x-from, x-from)
			}
		}
	}
	return QR{Path: path.String(), Size: code.Size + 2*quietZone}
}
