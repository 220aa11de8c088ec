package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// FORMAT, version 1. Numbers are little-endian, checksums CRC-32C that begin with the file's random salt: bytes that somebody
// got written as payload can never pass for a frame, nor can those of an older file.
//
//	file   = header frame* zero*
//	header = "VIGILWAL" version:u32 salt:u32 first:u64 zero:u32 crc:u32
//	frame  = length:u32 crc:u32 first:u64 count:u32 kind:u8 flags:u8 zero:u16 base:u32 headercrc:u32 payload padding
//
// A file is named after first, the sequence number of its first entry. A frame's length is that of its payload; zeros pad it to
// a multiple of 8; crc covers both. A run frame (kind 1) holds the id of the run that writes the entries behind it; every
// file begins with one. An entries frame (kind 2) holds count entries from sequence number first on, each a length:u32 and
// its bytes; flag 1 says that its group continues in the next frame. A group never crosses files.
//
// Base is the offset at which the write that brought the frame began. Everything before it was durable by then, so a bad frame
// in front of some other frame's base is damage, while one behind every base is the tear of the last write.
const (
	version          = 1
	magic            = "VIGILWAL"
	fileHeaderBytes  = 32
	frameHeaderBytes = 32
	entryHeaderBytes = 4
	frameAlign       = 8
	maxFrameBytes    = 32 << 20
	// groupFrameBytes is where a group continues in a next frame, unless one entry alone is larger.
	groupFrameBytes = 1 << 20

	kindRun     = 1
	kindEntries = 2
	flagMore    = 1

	runFrameBytes = frameHeaderBytes + 16
)

// errEnd is what a frameReader returns where no frame was written: at the end of the file or before zeros.
var errEnd = errors.New("end of frames")

// frameError is a frame that cannot be read.
type frameError struct {
	off    int64
	reason string
}

func (e *frameError) Error() string { return fmt.Sprintf("frame at %d: %s", e.off, e.reason) }

// frame is a decoded frame. Its payload, without padding, is the reader's and lasts until the next one is read.
type frame struct {
	off     int64
	end     int64
	base    int64
	first   uint64
	count   int
	kind    byte
	more    bool
	payload []byte
}

func checksum(salt uint32, b []byte) uint32 {
	return crc32.Update(salt, crc32.MakeTable(crc32.Castagnoli), b)
}

func align(n int64) int64 { return (n + frameAlign - 1) &^ (frameAlign - 1) }

func encodeFileHeader(salt uint32, first uint64) []byte {
	b := make([]byte, fileHeaderBytes)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint32(b[12:], salt)
	binary.LittleEndian.PutUint64(b[16:], first)
	binary.LittleEndian.PutUint32(b[28:], checksum(salt, b[:28]))
	return b
}

// decodeFileHeader returns the salt of a file that should begin with sequence number first.
func decodeFileHeader(b []byte, first uint64) (salt uint32, err error) {
	if string(b[:8]) != magic {
		return 0, &frameError{0, "not a log file"}
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return 0, &frameError{0, fmt.Sprintf("format version %d is not supported", v)}
	}
	salt = binary.LittleEndian.Uint32(b[12:])
	if checksum(salt, b[:28]) != binary.LittleEndian.Uint32(b[28:]) {
		return 0, &frameError{0, "wrong checksum of the file header"}
	}
	if got := binary.LittleEndian.Uint64(b[16:]); got != first {
		return 0, &frameError{0, fmt.Sprintf("file begins with entry %d, not %d as its name says", got, first)}
	}
	return salt, nil
}

// appendFrame closes the frame whose header begins at b[start:] and whose payload follows it: it pads and fills the header in.
func appendFrame(b []byte, start int, salt uint32, f frame) []byte {
	payload := start + frameHeaderBytes
	length := len(b) - payload
	for (len(b)-start)%frameAlign != 0 {
		b = append(b, 0)
	}
	h := b[start:payload]
	binary.LittleEndian.PutUint32(h[0:], uint32(length))
	binary.LittleEndian.PutUint32(h[4:], checksum(salt, b[payload:]))
	binary.LittleEndian.PutUint64(h[8:], f.first)
	binary.LittleEndian.PutUint32(h[16:], uint32(f.count))
	h[20] = f.kind
	h[21] = 0
	if f.more {
		h[21] = flagMore
	}
	h[22], h[23] = 0, 0
	binary.LittleEndian.PutUint32(h[24:], uint32(f.base))
	binary.LittleEndian.PutUint32(h[28:], checksum(salt, h[:28]))
	return b
}

// decodeFrameHeader verifies a frame's header and parses it.
func decodeFrameHeader(h []byte, salt uint32) (f frame, length int64, crc uint32, ok bool) {
	if checksum(salt, h[:28]) != binary.LittleEndian.Uint32(h[28:]) {
		return frame{}, 0, 0, false
	}
	f, length, crc = parseFrameHeader(h)
	return f, length, crc, h[21]&^flagMore == 0 && h[22] == 0 && h[23] == 0
}

// parseFrameHeader returns the frame that a header announces, the length of its payload and the checksum that it must have.
func parseFrameHeader(h []byte) (f frame, length int64, crc uint32) {
	f = frame{
		first: binary.LittleEndian.Uint64(h[8:]),
		count: int(binary.LittleEndian.Uint32(h[16:])),
		kind:  h[20],
		more:  h[21]&flagMore != 0,
		base:  int64(binary.LittleEndian.Uint32(h[24:])),
	}
	return f, int64(binary.LittleEndian.Uint32(h[0:])), binary.LittleEndian.Uint32(h[4:])
}

// cutEntry takes the first entry off the payload of an entries frame.
func cutEntry(payload []byte) (entry, rest []byte, ok bool) {
	if len(payload) < entryHeaderBytes {
		return nil, nil, false
	}
	n := uint64(binary.LittleEndian.Uint32(payload))
	payload = payload[entryHeaderBytes:]
	if n > uint64(len(payload)) {
		return nil, nil, false
	}
	return payload[:n:n], payload[n:], true
}

// frameReader reads the frames of a file from off to end.
type frameReader struct {
	file io.ReaderAt
	salt uint32
	off  int64
	end  int64

	buf    []byte // of the file from bufOff on
	bufOff int64
}

const readBytes = 256 << 10

// bytes returns n bytes of the file at off, fewer at its end.
func (r *frameReader) bytes(off int64, n int64) ([]byte, error) {
	n = min(n, r.end-off)
	if from := off - r.bufOff; from >= 0 && from+n <= int64(len(r.buf)) {
		return r.buf[from : from+n], nil
	}
	want := min(max(n, readBytes), r.end-off)
	if int64(cap(r.buf)) < want {
		r.buf = make([]byte, want)
	}
	r.buf, r.bufOff = r.buf[:want], off
	if got, err := r.file.ReadAt(r.buf, off); int64(got) < want {
		r.buf = nil
		return nil, fmt.Errorf("read %d bytes at %d: %w", want, off, err)
	}
	return r.buf[:n], nil
}

// next returns the next frame, errEnd where there is none, a *frameError for one that is damaged.
func (r *frameReader) next() (frame, error) {
	h, err := r.bytes(r.off, frameHeaderBytes)
	if err != nil {
		return frame{}, err
	}
	if allZero(h) {
		return frame{}, errEnd
	}
	if len(h) < frameHeaderBytes {
		return frame{}, &frameError{r.off, "cut off inside a frame header"}
	}
	f, length, crc, ok := decodeFrameHeader(h, r.salt)
	if !ok {
		return frame{}, &frameError{r.off, "wrong checksum of a frame header"}
	}
	padded := align(frameHeaderBytes+length) - frameHeaderBytes
	f.off, f.end = r.off, r.off+frameHeaderBytes+padded
	if f.end-f.off > maxFrameBytes || f.end > r.end {
		return frame{}, &frameError{r.off, "cut off inside a frame"}
	}
	payload, err := r.bytes(r.off+frameHeaderBytes, padded)
	if err != nil {
		return frame{}, err
	}
	if checksum(r.salt, payload) != crc {
		return frame{}, &frameError{r.off, "wrong checksum of a frame"}
	}
	f.payload = payload[:length]
	r.off = f.end
	return f, nil
}

// lastNonZero returns the offset behind the last byte from off on that is not zero, off if all are.
func (r *frameReader) lastNonZero(off int64) (int64, error) {
	end := off
	for at := off; at < r.end; {
		b, err := r.bytes(at, readBytes)
		if err != nil {
			return 0, err
		}
		if !allZero(b) {
			n := len(b)
			for b[n-1] == 0 {
				n--
			}
			end = at + int64(n)
		}
		at += int64(len(b))
	}
	return end, nil
}

// laterBase reports whether any frame behind off was written after the bytes at off had become durable.
func (r *frameReader) laterBase(off int64) (bool, error) {
	for at := align(off + 1); at+frameHeaderBytes <= r.end; at += frameAlign {
		h, err := r.bytes(at, frameHeaderBytes)
		if err != nil {
			return false, err
		}
		if f, _, _, ok := decodeFrameHeader(h, r.salt); ok && f.base > off && f.base <= at {
			return true, nil
		}
	}
	return false, nil
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
