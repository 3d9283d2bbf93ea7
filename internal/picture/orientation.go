package picture

import (
	"bytes"
	"encoding/binary"
	"image"
)

// orientation is how a camera was held: the tag Orientation of Exif 2.32 §4.6.4, from 1 (upright) to 8. What cannot be read is upright.
func orientation(file []byte) int {
	tiff := exif(file)
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if bytes.HasPrefix(tiff, []byte("MM")) {
		order = binary.BigEndian
	}
	directory := uint64(order.Uint32(tiff[4:]))
	if directory+2 > uint64(len(tiff)) {
		return 1
	}
	entries := tiff[directory+2:]
	for range order.Uint16(tiff[directory:]) {
		if len(entries) < 12 {
			return 1
		}
		if value := int(order.Uint16(entries[8:])); order.Uint16(entries) == 0x0112 && value >= 1 && value <= 8 {
			return value
		}
		entries = entries[12:]
	}
	return 1
}

// exif is the TIFF structure in the segment APP1 of a JPEG; nil when there is none before the picture begins.
func exif(file []byte) []byte {
	if !bytes.HasPrefix(file, []byte{0xFF, 0xD8}) {
		return nil
	}
	for rest := file[2:]; len(rest) >= 4 && rest[0] == 0xFF && rest[1] != 0xDA; {
		length := int(binary.BigEndian.Uint16(rest[2:]))
		if length < 2 || length+2 > len(rest) {
			return nil
		}
		if body, found := bytes.CutPrefix(rest[4:length+2], []byte("Exif\x00\x00")); found && rest[1] == 0xE1 {
			return body
		}
		rest = rest[length+2:]
	}
	return nil
}

// upright turns a square so that what the camera saw above is above.
func upright(square *image.NRGBA, orientation int) *image.NRGBA {
	const last = Side - 1
	from := map[int]func(x, y int) (int, int){
		2: func(x, y int) (int, int) { return last - x, y },
		3: func(x, y int) (int, int) { return last - x, last - y },
		4: func(x, y int) (int, int) { return x, last - y },
		5: func(x, y int) (int, int) { return y, x },
		6: func(x, y int) (int, int) { return y, last - x },
		7: func(x, y int) (int, int) { return last - y, last - x },
		8: func(x, y int) (int, int) { return last - y, x },
	}[orientation]
	if from == nil {
		return square
	}
	turned := image.NewNRGBA(square.Bounds())
	for y := range Side {
		for x := range Side {
			turned.SetNRGBA(x, y, square.NRGBAAt(from(x, y)))
		}
	}
	return turned
}
