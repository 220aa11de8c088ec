package rest

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// cborReader reads one value of CBOR (RFC 8949) and writes it as JSON. Byte strings become base64, tags are passed over but for
// those of large integers.
type cborReader struct {
	src []byte
	at  int
	w   *jsonWriter
}

var errCut = errors.New("it ends too early")

// The major types.
const (
	cborUint = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

// cborIndefinite is the length of what ends with a break.
const cborIndefinite = math.MaxUint64

// head reads the first bytes of a value: its major type, the low bits of its first byte, and the number that belongs to it.
func (r *cborReader) head() (major int, low byte, n uint64, err error) {
	if r.at >= len(r.src) {
		return 0, 0, 0, errCut
	}
	first := r.src[r.at]
	r.at++
	major, low = int(first>>5), first&31
	switch {
	case low < 24:
		return major, low, uint64(low), nil
	case low == 31:
		return major, low, cborIndefinite, nil
	case low > 27:
		return 0, 0, 0, fmt.Errorf("byte %d: %#x begins no value", r.at-1, first)
	}
	size := 1 << (low - 24)
	if len(r.src)-r.at < size {
		return 0, 0, 0, errCut
	}
	var wide [8]byte
	copy(wide[8-size:], r.src[r.at:])
	r.at += size
	return major, low, binary.BigEndian.Uint64(wide[:]), nil
}

func (r *cborReader) value(depth int) error {
	if err := r.w.check(depth); err != nil {
		return err
	}
	major, low, n, err := r.head()
	if err != nil {
		return err
	}
	switch major {
	case cborUint:
		r.w.b = strconv.AppendUint(r.w.b, n, 10)
	case cborNegative:
		v := new(big.Int).SetUint64(n)
		r.w.b = v.Not(v).Append(r.w.b, 10)
	case cborBytes, cborText:
		s, err := r.string(major, n)
		if err != nil {
			return err
		}
		if major == cborBytes {
			s = base64.StdEncoding.EncodeToString([]byte(s))
		}
		r.w.text(s)
	case cborArray:
		return r.array(n, depth)
	case cborMap:
		return r.object(n, depth)
	case cborTag:
		return r.tagged(n, depth)
	default:
		return r.simple(low, n)
	}
	return nil
}

// string reads what follows the head of a string, which may be in pieces.
func (r *cborReader) string(major int, n uint64) (string, error) {
	if n != cborIndefinite {
		if n > uint64(len(r.src)-r.at) { //nolint:gosec // not negative
			return "", errCut
		}
		s := string(r.src[r.at : r.at+int(n)]) //nolint:gosec // at most len(src)
		r.at += int(n)                         //nolint:gosec // at most len(src)
		return s, nil
	}
	var all []byte
	for !r.ends() {
		kind, _, n, err := r.head()
		if err != nil {
			return "", err
		}
		if kind != major || n == cborIndefinite {
			return "", errors.New("a string in pieces holds something else")
		}
		piece, err := r.string(major, n)
		if err != nil {
			return "", err
		}
		all = append(all, piece...)
	}
	return string(all), nil
}

// ends passes over a break.
func (r *cborReader) ends() bool {
	if r.at < len(r.src) && r.src[r.at] == 0xff {
		r.at++
		return true
	}
	return false
}

func (r *cborReader) array(n uint64, depth int) error {
	r.w.b = append(r.w.b, '[')
	for i := range n {
		if n == cborIndefinite && r.ends() {
			break
		}
		r.w.comma(int(min(i, 1))) //nolint:gosec // 0 or 1
		if err := r.value(depth + 1); err != nil {
			return err
		}
	}
	r.w.b = append(r.w.b, ']')
	return nil
}

func (r *cborReader) object(n uint64, depth int) error {
	r.w.b = append(r.w.b, '{')
	for i := range n {
		if n == cborIndefinite && r.ends() {
			break
		}
		r.w.comma(int(min(i, 1))) //nolint:gosec // 0 or 1
		major, _, length, err := r.head()
		if err != nil {
			return err
		}
		switch major {
		case cborText:
			key, err := r.string(major, length)
			if err != nil {
				return err
			}
			r.w.text(key)
		case cborUint:
			r.w.text(strconv.FormatUint(length, 10))
		default:
			return errors.New("a key is no text")
		}
		r.w.b = append(r.w.b, ':')
		if err := r.value(depth + 1); err != nil {
			return err
		}
	}
	r.w.b = append(r.w.b, '}')
	return nil
}

// maxBigNumber bounds the large integers, in bytes.
const maxBigNumber = 128

func (r *cborReader) tagged(tag uint64, depth int) error {
	if tag != 2 && tag != 3 {
		return r.value(depth + 1)
	}
	major, _, n, err := r.head()
	if err != nil {
		return err
	}
	if major != cborBytes || n > maxBigNumber {
		return errors.New("a large integer is not written as such, or is too large")
	}
	digits, err := r.string(major, n)
	if err != nil {
		return err
	}
	v := new(big.Int).SetBytes([]byte(digits))
	if tag == 3 {
		v.Not(v)
	}
	r.w.b = v.Append(r.w.b, 10)
	return nil
}

func (r *cborReader) simple(low byte, n uint64) error {
	switch low {
	case 20, 21:
		r.w.b = strconv.AppendBool(r.w.b, low == 21)
	case 22, 23:
		r.w.b = append(r.w.b, "null"...)
	case 25:
		return r.float(halfFloat(uint16(n))) //nolint:gosec // two bytes
	case 26:
		return r.float(float64(math.Float32frombits(uint32(n)))) //nolint:gosec // four bytes
	case 27:
		return r.float(math.Float64frombits(n))
	default:
		return fmt.Errorf("the simple value %d is not supported", low)
	}
	return nil
}

func (r *cborReader) float(f float64) error {
	if f-f != 0 {
		r.w.text(strconv.FormatFloat(f, 'g', -1, 64))
		return nil
	}
	return r.w.value(f)
}

// halfFloat is a floating-point number of 16 bits.
func halfFloat(bits uint16) float64 {
	sign, exp, frac := 1.0, int(bits>>10)&31, float64(bits&1023)
	if bits>>15 == 1 {
		sign = -1
	}
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(frac+1024, exp-25)
}
